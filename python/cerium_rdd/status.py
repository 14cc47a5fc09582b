"""StatusTracker: what the server knows of jobs and stages."""

import collections

SparkJobInfo = collections.namedtuple("SparkJobInfo", "jobId stageIds status")
SparkStageInfo = collections.namedtuple(
    "SparkStageInfo",
    "stageId currentAttemptId name numTasks numActiveTasks numCompletedTasks numFailedTasks",
)


class StatusTracker:
    """Answers are what is known at the moment; jobs and stages of long ago are forgotten."""

    def __init__(self, ask):
        self._ask = ask

    def getJobIdsForGroup(self, jobGroup=None):
        """The jobs of a group; without one, those of no group."""
        return [int(job) for job in self._ask(jobGroup)["jobs"]]

    def getActiveStageIds(self):
        """The stages that run."""
        return sorted(int(stage) for stage in self._ask(None)["active_stages"])

    def getActiveJobsIds(self):
        """The jobs that run."""
        return sorted(int(job) for job in self._ask(None)["active_jobs"])

    def getJobInfo(self, jobId):
        """A job, None where it is not known."""
        job = self._ask(None)["all_jobs"].get(str(jobId))
        if job is None:
            return None
        return SparkJobInfo(jobId, [int(stage) for stage in job["stages"]], job["status"])

    def getStageInfo(self, stageId):
        """A stage, None where it is not known."""
        stage = self._ask(None)["stages"].get(str(stageId))
        if stage is None:
            return None
        counts = (int(stage[key]) for key in ("tasks", "active", "completed", "failed"))
        return SparkStageInfo(stageId, int(stage["attempt"]), stage["name"], *counts)


for _class in (SparkJobInfo, SparkStageInfo, StatusTracker):
    _class.__module__ = "pyspark.status"
