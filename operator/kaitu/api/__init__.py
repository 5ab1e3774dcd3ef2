"""What users write and read: the models of the resource, its CRD, the policy and the resolving."""
