{{/* "true" when applications of all namespaces are run: a selector adds nothing to that. */}}
{{- define "cerium.allNamespaces" -}}
{{- $names := .Values.spark.jobNamespaces | default list -}}
{{- if or (has "" $names) (not (or $names .Values.spark.jobNamespaceSelector)) -}}
true
{{- end -}}
{{- end -}}

{{/* The job namespaces that are named, as a JSON list without the empty name. */}}
{{- define "cerium.jobNamespaces" -}}
{{- without (.Values.spark.jobNamespaces | default list) "" | uniq | toJson -}}
{{- end -}}

{{/* "true" when applications are watched in the whole cluster. */}}
{{- define "cerium.clusterWide" -}}
{{- if or (include "cerium.allNamespaces" .) .Values.spark.jobNamespaceSelector -}}
true
{{- end -}}
{{- end -}}

{{/* The label selector as the operator's flag takes it; empty where it selects nothing more. */}}
{{- define "cerium.namespaceSelector" -}}
{{- $selector := .Values.spark.jobNamespaceSelector -}}
{{- if include "cerium.allNamespaces" . -}}
{{- else if kindIs "map" $selector -}}
{{- $parts := list -}}
{{- range include "cerium.namespaceRequirements" . | fromJsonArray -}}
{{- $values := join "," .values -}}
{{- $parts = append $parts (get (dict "In" (printf "%s in (%s)" .key $values) "NotIn" (printf "%s notin (%s)" .key $values) "Exists" .key "DoesNotExist" (printf "!%s" .key)) .operator) -}}
{{- end -}}
{{- join "," $parts -}}
{{- else -}}
{{- $selector | default "" -}}
{{- end -}}
{{- end -}}

{{/*
The requirements of the label selector as Kubernetes' objects have them, a JSON list. The
value is a string, as for kubectl, or an object, as in Kubeflow's chart from 2.5 on.
*/}}
{{- define "cerium.namespaceRequirements" -}}
{{- $selector := .Values.spark.jobNamespaceSelector | default "" -}}
{{- $found := list -}}
{{- if kindIs "map" $selector -}}
{{- range $key, $value := $selector.matchLabels -}}
{{- $found = append $found (dict "key" $key "operator" "In" "values" (list (toString $value))) -}}
{{- end -}}
{{- $found = concat $found ($selector.matchExpressions | default list) -}}
{{- else -}}
{{- range $text := regexFindAll "[^,()]+([(][^()]*[)])?" (trimAll "\"" $selector) -1 -}}
{{- $parts := regexFindAll "[^\\s,()=!]+" $text -1 -}}
{{- $key := first $parts | default "" -}}
{{- if regexMatch "^\\s*[^\\s,()=!]+\\s+(in|notin)\\s*[(][^()=!]+[)]\\s*$" $text -}}
{{- $found = append $found (dict "key" $key "operator" (ternary "In" "NotIn" (eq (index $parts 1) "in")) "values" (slice $parts 2)) -}}
{{- else if regexMatch "^\\s*[^\\s,()=!]+\\s*(=|==|!=)\\s*[^\\s,()=!]*\\s*$" $text -}}
{{- $found = append $found (dict "key" $key "operator" (ternary "NotIn" "In" (contains "!" $text)) "values" (list (join "" (rest $parts)))) -}}
{{- else if regexMatch "^\\s*!?\\s*[^\\s,()=!]+\\s*$" $text -}}
{{- $found = append $found (dict "key" $key "operator" (ternary "DoesNotExist" "Exists" (contains "!" $text))) -}}
{{- else -}}
{{- fail (printf "spark.jobNamespaceSelector %q is no label selector: write KEY=VALUE, KEY!=VALUE, KEY in (A, B), KEY notin (A, B), KEY or !KEY, with commas between them" $selector) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/*
The namespaces of the operator as selectors of Kubernetes' objects, by a name, a JSON
object: one selector cannot say "named or labelled", so there may be two. None: all.
*/}}
{{- define "cerium.namespaceSelectors" -}}
{{- $key := "kubernetes.io/metadata.name" -}}
{{- $names := include "cerium.jobNamespaces" . | fromJsonArray -}}
{{- $selectors := dict -}}
{{- if not (include "cerium.allNamespaces" .) -}}
{{- if $names -}}
{{- $_ := set $selectors "named" (list (dict "key" $key "operator" "In" "values" $names)) -}}
{{- end -}}
{{- with include "cerium.namespaceRequirements" . | fromJsonArray -}}
{{- /* What is named is not to be checked twice. */ -}}
{{- $others := ternary (list (dict "key" $key "operator" "NotIn" "values" $names)) list (gt (len $names) 0) -}}
{{- $_ := set $selectors "labelled" (concat . $others) -}}
{{- end -}}
{{- end -}}
{{- toJson $selectors -}}
{{- end -}}
