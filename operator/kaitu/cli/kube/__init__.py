"""kaituctl over the API server, with the rights of the kubeconfig's own user."""
