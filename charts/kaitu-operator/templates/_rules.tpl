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

{{- /* In the operator's own namespace: who leads, and which installation this is. */ -}}
{{- define "kaitu-operator.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [kaitu-operator]
  verbs: [get, update]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [kaitu-installation]
  verbs: [get, update]
{{- end }}

{{- define "kaitu-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "kaitu-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
