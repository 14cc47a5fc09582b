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

{{/*
What of the image comes from values of the Kubeflow chart, for which this chart's own
stands: "repository" with all that belongs to it, "tag", or nothing. A tag that names no
release of this chart is Kubeflow's if it looks like one of its releases.
*/}}
{{- define "cerium.kubeflowImage" -}}
{{- $image := .Values.image -}}
{{- $tag := toString $image.tag -}}
{{- if regexMatch "(^|/)(kubeflow/.+|spark-operator/controller)$" $image.repository -}}
repository
{{- else if hasSuffix "cerium-engine/cerium-operator" $image.repository -}}
{{- if or (regexMatch "^v1beta[12]-" $tag) (and (regexMatch "^v?2\\.[0-9]+\\.[0-9]+" $tag) (semverCompare "<2.0.0-0" .Chart.AppVersion)) -}}
tag
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cerium.image" -}}
{{- $image := .Values.image -}}
{{- $kubeflow := include "cerium.kubeflowImage" . -}}
{{- if eq $kubeflow "repository" -}}
{{- $image = dict "registry" "ghcr.io" "repository" "cerium-engine/cerium-operator" "tag" "" -}}
{{- else if eq $kubeflow "tag" -}}
{{- $image = omit $image "tag" -}}
{{- end -}}
{{- include "cerium.imageReference" (dict "image" $image "chart" .Chart) -}}
{{- end -}}

{{- define "cerium.runtimeImage" -}}
{{- include "cerium.imageReference" (dict "image" .Values.runtime.image "chart" .Chart) -}}
{{- end -}}
