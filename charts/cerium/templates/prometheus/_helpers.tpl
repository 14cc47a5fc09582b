{{/*
A file of {context, file} with prometheus.metrics.prefix before the metrics that
carry it. As the operator does, the prefix has underscores for hyphens.
*/}}
{{- define "cerium.prefixedMetrics" -}}
{{- $prefix := .context.Values.prometheus.metrics.prefix | replace "-" "_" -}}
{{- regexReplaceAll "\\b(spark_(application|executor)_)" (.context.Files.Get .file) (printf "%s${1}" $prefix) -}}
{{- end -}}
