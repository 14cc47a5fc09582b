{{/*
Names and labels are those of the Kubeflow chart, whose name is "spark-operator":
a release of that chart can be upgraded to this one in place, because the
selector of its Deployment, which cannot be changed, stays the same.
*/}}
{{- define "cerium.name" -}}
{{- default "spark-operator" .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "cerium.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "cerium.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cerium.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cerium.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cerium.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "cerium.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: cerium
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
An image reference of {registry, repository, tag}; an empty registry leaves the
repository as it is, an empty tag means the version of this chart.
*/}}
{{- define "cerium.imageReference" -}}
{{- $repository := .image.repository -}}
{{- if .image.registry -}}
{{- $repository = printf "%s/%s" .image.registry .image.repository -}}
{{- end -}}
{{- printf "%s:%s" $repository (.image.tag | default .chart.AppVersion | toString) -}}
{{- end -}}

{{- define "cerium.image" -}}
{{- include "cerium.imageReference" (dict "image" .Values.image "chart" .Chart) -}}
{{- end -}}

{{- define "cerium.runtimeImage" -}}
{{- include "cerium.imageReference" (dict "image" .Values.runtime.image "chart" .Chart) -}}
{{- end -}}

{{/*
"true" when applications are watched in the whole cluster: no namespace is
named, the empty name is among them, or namespaces are chosen by label.
*/}}
{{- define "cerium.clusterWide" -}}
{{- if or (not .Values.spark.jobNamespaces) (has "" .Values.spark.jobNamespaces) .Values.spark.jobNamespaceSelector -}}
true
{{- end -}}
{{- end -}}

{{/* The job namespaces that are named, as a JSON list without the empty name. */}}
{{- define "cerium.jobNamespaces" -}}
{{- without (.Values.spark.jobNamespaces | default list) "" | uniq | toJson -}}
{{- end -}}
