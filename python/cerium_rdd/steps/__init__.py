"""The steps of pipelines: functions of a partition's number and its elements, run in Python workers."""
