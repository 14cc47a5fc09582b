{{- define "cerium.spark.serviceAccountName" -}}
{{- if .Values.spark.serviceAccount.create -}}
{{ .Values.spark.serviceAccount.name | default (printf "%s-spark" (include "cerium.fullname" .)) }}
{{- else -}}
{{ .Values.spark.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}
