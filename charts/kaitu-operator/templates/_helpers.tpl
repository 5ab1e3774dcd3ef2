{{- define "kaitu-operator.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kaitu-operator.fullname" -}}
{{- $name := include "kaitu-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "kaitu-operator.selector" -}}
app.kubernetes.io/name: {{ include "kaitu-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- /* Labels without those that select pods; they change with the chart. */ -}}
{{- define "kaitu-operator.about" -}}
app.kubernetes.io/part-of: kaitu
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kaitu-operator.labels" -}}
{{ include "kaitu-operator.selector" . }}
{{ include "kaitu-operator.about" . }}
{{- end }}

{{- define "kaitu-operator.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "kaitu-operator.fullname" .) }}
{{- end }}

{{- define "kaitu-operator.image" -}}
{{- $name := .Values.image.repository -}}
{{- with .Values.global.imageRegistry -}}
{{- $parts := splitList "/" $name -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $name = rest $parts | join "/" -}}
{{- end -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- with .Values.image.digest -}}
{{ $name }}@{{ . }}
{{- else -}}
{{ $name }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* "true" where an object of this kind is to be rendered: {ctx, mode, kind, path}. */ -}}
{{- define "kaitu-operator.renders" -}}
{{- $there := .ctx.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) -}}
{{- if and (not $there) (eq .mode "failIfMissing") -}}
{{- fail (printf "\n\nThe cluster does not know the kind %s: install the Prometheus operator first, or set %s.renderMode to skipIfMissing or %s.enabled to false." .kind .path .path) -}}
{{- end -}}
{{- if or $there (eq .mode "alwaysRender") -}}true{{- end -}}
{{- end }}

{{- define "kaitu-operator.isNetwork" -}}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -}}
{{- $four := printf "(%s\\.){3}%s/([0-9]|[12][0-9]|3[0-2])" $byte $byte -}}
{{- $hex := "[0-9a-fA-F]{1,4}" -}}
{{- $some := printf "(%s(:%s){0,6})?" $hex $hex -}}
{{- $six := printf "((%s:){7}%s|%s::%s)/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])" $hex $hex $some $some -}}
{{- $rest := 0 -}}
{{- if regexMatch (printf "^%s$" $four) (toString .) -}}
{{- $parts := regexSplit "[./]" . -1 -}}
{{- $number := 0 -}}
{{- range slice $parts 0 4 }}{{ $number = add (mul $number 256) (int .) }}{{ end -}}
{{- $size := 1 -}}
{{- range until (int (sub 32 (int (last $parts)))) }}{{ $size = mul $size 2 }}{{ end -}}
{{- $rest = mod $number $size -}}
{{- end -}}
{{- if and (not $rest) (regexMatch (printf "^(%s|%s)$" $four $six) (toString .)) -}}true{{- end -}}
{{- end }}
