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

{{/*
Name and labels of one shard of {context, shard}. A single shard is named and
selected as the controller of the Kubeflow chart; with several, each Deployment
has to select its own pods only.
*/}}
{{- define "cerium.controller.shardName" -}}
{{- $name := include "cerium.controller.name" .context -}}
{{- if gt (int .context.Values.controller.shards) 1 -}}
{{- $name = printf "%s-%d" $name (int .shard) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "cerium.controller.shardSelectorLabels" -}}
{{ include "cerium.controller.selectorLabels" .context }}
{{- if gt (int .context.Values.controller.shards) 1 }}
cerium.dev/shard: {{ .shard | quote }}
{{- end }}
{{- end -}}

{{/* "true" if the feature gate of {context, name} is on. */}}
{{- define "cerium.featureGate" -}}
{{- $on := "" -}}
{{- range .context.Values.controller.featureGates -}}
{{- if eq .name $.name -}}
{{- $on = ternary "true" "" (eq (toString .enabled) "true") -}}
{{- end -}}
{{- end -}}
{{- $on -}}
{{- end -}}

{{/* The feature gates that are on, as the flag takes them. */}}
{{- define "cerium.enabledFeatureGates" -}}
{{- $on := list -}}
{{- range .Values.controller.featureGates -}}
{{- if eq (toString .enabled) "true" -}}
{{- $on = append $on (printf "%s=true" .name) -}}
{{- end -}}
{{- end -}}
{{- join "," $on -}}
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

{{/* The leases as a JSON list: with several shards the operator adds the number of its own. */}}
{{- define "cerium.controller.leaseNames" -}}
{{- $name := include "cerium.controller.leaseName" . -}}
{{- $names := list $name -}}
{{- if gt (int .Values.controller.shards) 1 -}}
{{- $names = list -}}
{{- range $shard := until (int .Values.controller.shards) -}}
{{- $names = append $names (printf "%s-%d" $name $shard) -}}
{{- end -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/*
What the operator may do where applications live. Within the verbs the Kubeflow
chart grants: status is replaced with "update", never patched, and nothing gives
access to Secrets.
*/}}
{{- define "cerium.controller.policyRules" -}}
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications]
  verbs: [get, list, watch, create, delete]
- apiGroups: [sparkoperator.k8s.io]
  resources: [scheduledsparkapplications]
  verbs: [get, list, watch]
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications/status, scheduledsparkapplications/status]
  verbs: [update]
# An owner reference with blockOwnerDeletion needs this where the API server
# enforces it.
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkapplications/finalizers, scheduledsparkapplications/finalizers]
  verbs: [update]
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkconnects]
  verbs: [get, list, watch]
- apiGroups: [sparkoperator.k8s.io]
  resources: [sparkconnects/status, sparkconnects/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, create, update, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, create, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if and (.Values.webhook).enable ((.Values.webhook).resourceQuotaEnforcement).enable }}
- apiGroups: [""]
  resources: [resourcequotas]
  verbs: [list]
{{- end }}
{{- if .Values.controller.batchScheduler.enable }}
- apiGroups: [scheduling.volcano.sh, scheduling.x-k8s.io]
  resources: [podgroups]
  verbs: [get, create, update, delete]
{{- end }}
{{- end -}}
