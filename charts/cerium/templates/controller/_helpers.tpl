{{- define "cerium.controller.name" -}}
{{- include "cerium.fullname" . }}-controller
{{- end -}}

{{- define "cerium.controller.labels" -}}
{{ include "cerium.labels" . }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "cerium.controller.selectorLabels" -}}
{{ include "cerium.selectorLabels" . }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "cerium.controller.serviceAccountName" -}}
{{- if .Values.controller.serviceAccount.create -}}
{{ .Values.controller.serviceAccount.name | default (include "cerium.controller.name" .) }}
{{- else -}}
{{ .Values.controller.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "cerium.controller.leaseName" -}}
{{ include "cerium.controller.name" . }}-lock
{{- end -}}

{{/*
What the operator may do where applications live. Within the verbs the Kubeflow
chart grants: status is replaced with "update", never patched, and nothing gives
access to Secrets.
*/}}
{{- define "cerium.controller.policyRules" -}}
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications]
  verbs: [get, list, watch, delete]
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications/status]
  verbs: [update]
# An owner reference with blockOwnerDeletion needs this where the API server
# enforces it.
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
