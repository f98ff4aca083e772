{{- define "labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}

{{- define "scheme" -}}
{{- if .Values.tls.enabled }}scheme: HTTPS{{ end }}
{{- end }}

{{- define "podTlsSecret" -}}
{{- .Values.tls.secretName | default (printf "%s-pod-tls" .Release.Name) }}
{{- end }}
