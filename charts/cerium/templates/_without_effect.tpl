{{/*
The values of the Kubeflow chart that were set and have no effect, each with the
reason, as a JSON list. What has Kubeflow's default counts as not set.
*/}}
{{- define "cerium.withoutEffect" -}}
{{- $notes := list -}}
{{- $controller := .Values.controller -}}
{{- with include "cerium.kubeflowImage" . -}}
{{- $values := ternary "image.repository with its registry and tag" "image.tag" (eq . "repository") -}}
{{- $notes = append $notes (printf "%s: of Kubeflow's image; the operator runs %s, set image to a copy of that where you need one" $values (include "cerium.image" $)) -}}
{{- end -}}
{{- if and .Values.spark.jobNamespaceSelector (include "cerium.allNamespaces" .) -}}
{{- $notes = append $notes "spark.jobNamespaceSelector: the empty name in spark.jobNamespaces stands for all namespaces already" -}}
{{- end -}}
{{- if (.Values.hook).upgradeCrd -}}
{{- $notes = append $notes "hook.upgradeCrd: install the chart cerium-crds, which upgrades the definitions" -}}
{{- end -}}
{{- range $controller.featureGates -}}
{{- if and .enabled (eq .name "RestSubmitter") -}}
{{- $notes = append $notes "controller.featureGates RestSubmitter, submitter: the operator creates driver pods itself" -}}
{{- else if and .enabled (eq .name "LoadSparkDefaults") -}}
{{- $notes = append $notes "controller.featureGates LoadSparkDefaults: there is no spark-defaults.conf in the operator's image; use sparkConf or sparkConfigMap" -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $controller.defaultTimeToLiveSeconds) 0) (ne (include "cerium.featureGate" (dict "context" . "name" "DefaultTimeToLive")) "true") -}}
{{- $notes = append $notes "controller.defaultTimeToLiveSeconds: needs the feature gate DefaultTimeToLive" -}}
{{- end -}}
{{- if ne (toString $controller.kubeAPIQPS) "20" -}}
{{- $notes = append $notes "controller.kubeAPIQPS: the operator watches and does not poll; the API server's own fairness limits it" -}}
{{- end -}}
{{- if ne (toString $controller.kubeAPIBurst) "30" -}}
{{- $notes = append $notes "controller.kubeAPIBurst: as controller.kubeAPIQPS" -}}
{{- end -}}
{{- if ($controller.pprof).enable -}}
{{- $notes = append $notes "controller.pprof: there is no Go profiler" -}}
{{- end -}}
{{- $limiter := $controller.workqueueRateLimiter | default dict -}}
{{- $delay := $limiter.maxDelay | default dict -}}
{{- $given := printf "%v %v %v %v" $limiter.bucketQPS $limiter.bucketSize $delay.enable $delay.duration -}}
{{- if and $limiter (ne $given "50 500 true 6h") -}}
{{- $notes = append $notes "controller.workqueueRateLimiter: retries wait for each application by itself, not in a shared bucket" -}}
{{- end -}}
{{- if omit (.Values.webhook | default dict) "enable" "failurePolicy" "resourceQuotaEnforcement" -}}
{{- $notes = append $notes "webhook: there is none; admission policies and the operator check applications, so only enable, failurePolicy and resourceQuotaEnforcement have an effect" -}}
{{- end -}}
{{- if (.Values.certManager).enable -}}
{{- $notes = append $notes "certManager: there is no webhook, and so no certificate" -}}
{{- end -}}
{{- toJson $notes -}}
{{- end -}}
