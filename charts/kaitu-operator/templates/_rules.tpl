{{- /*
What the operator does with KaituNodes and what they refer to. Every verb here is used, and none
that it uses is missing: tests compare this with the API server's audit log.
*/ -}}
{{- define "kaitu-operator.rules" -}}
- apiGroups: [fleet.kaitu.io]
  resources: [kaitunodes]
  verbs: [get, list, watch, patch]
- apiGroups: [fleet.kaitu.io]
  resources: [kaitunodes/status]
  verbs: [patch]
# By name, when a KaituNode refers to it; never listed, never watched.
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secretNames }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# Learned host keys (TrustOnFirstUse); the right to create cannot be limited to a name.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [kaitu-known-hosts]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- /*
In the operator's own namespace: who leads what, which installation this is, and who is disrupted.
The names are those of any number of shards: while the number changes, both are worked with.
*/ -}}
{{- define "kaitu-operator.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames:
    - kaitu-operator
    {{- range untilStep 1 8 1 }}
    - kaitu-operator-{{ . }}
    {{- end }}
    - kaitu-operator-waiting
  verbs: [get, update]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [kaitu-installation, kaitu-slots]
  verbs: [get, update]
{{- end }}

{{- define "kaitu-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "kaitu-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
