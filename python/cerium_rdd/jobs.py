"""Jobs of a context: running some partitions, groups, tags, their status and their end."""

import threading

from pyspark.errors import IllegalArgumentException, PySparkRuntimeError

from cerium_rdd import control
from cerium_rdd.status import StatusTracker
from cerium_rdd.steps import basic

_GROUP = "spark.jobGroup.id"
_DESCRIPTION = "spark.job.description"


class Jobs:
    """A job group is a tag of the operations of Spark Connect."""

    def _begin_jobs(self):
        self._local = threading.local()

    def runJob(self, rdd, partitionFunc, partitions=None, allowLocal=False):
        """What a function makes of some partitions, put together in the order they are asked for."""
        steps = (basic.Partitions(partitionFunc),)
        if partitions is None:
            return list(self._fetch(rdd._batches(None, steps)))
        partitions, total = list(partitions), rdd.getNumPartitions()
        for partition in partitions:
            if not 0 <= partition < total:
                raise IllegalArgumentException(
                    "Attempting to access a non-existent partition: %d. Total number of partitions: %d"
                    % (partition, total)
                )
        if all(first < second for first, second in zip(partitions, partitions[1:])):
            return list(self._fetch_some(rdd, partitions, steps)) if partitions else []
        parts = dict(self._fetch_some(rdd, partitions, steps + (basic.named,)))
        return [element for partition in partitions for element in parts[partition]]

    def _fetch_some(self, rdd, partitions, steps):
        """The elements of some partitions after some steps; the others are not computed."""
        if rdd._slices() is not None:
            return self._fetch(rdd._batches(partitions, steps))
        return self._fetch(rdd._batches(None, steps), sorted(set(partitions)))

    def _count_partitions(self, relation):
        """How many partitions a relation has."""
        text = control.text_of_plan(relation, self._session.client)
        return int(self._control("partitions", plan=text)["partitions"])

    # Properties of the thread.

    def _properties(self):
        return self._local.__dict__.setdefault("properties", {})

    def _task_properties(self):
        return dict(self._properties())

    def _inherit_properties(self, properties):
        """Has this thread begin with the properties of another; the tags of groups are inherited beside them."""
        self._properties().update(properties)

    def setLocalProperty(self, key, value):
        """Sets a property that tasks of this thread's jobs can read; None removes it."""
        if key == _GROUP:
            self._change_group(value)
        if value is None:
            self._properties().pop(key, None)
        else:
            self._properties()[key] = str(value)

    def getLocalProperty(self, key):
        """A property of this thread, None where there is none."""
        return self._properties().get(key)

    def setJobDescription(self, value):
        """Describes the jobs of this thread."""
        self.setLocalProperty(_DESCRIPTION, value)

    # Groups and tags.

    def setJobGroup(self, groupId, description, interruptOnCancel=False):
        """Puts the jobs of this thread from now on into a group, by which they can be cancelled."""
        self.setLocalProperty(_GROUP, groupId)
        self.setLocalProperty(_DESCRIPTION, description)
        self.setInterruptOnCancel(interruptOnCancel)

    def _change_group(self, group):
        before = self.getLocalProperty(_GROUP)
        if before is not None:
            self._session.removeTag(_tag(before))
        if group is not None:
            self._session.addTag(_tag(group))

    def setInterruptOnCancel(self, interruptOnCancel):
        """Whether tasks of cancelled jobs are interrupted; they always are."""
        self.setLocalProperty("spark.job.interruptOnCancel", str(interruptOnCancel).lower())

    def cancelJobGroup(self, groupId):
        """Ends the jobs of a group."""
        self._session.interruptTag(_tag(groupId))

    def cancelAllJobs(self):
        """Ends all jobs."""
        self._session.interruptAll()

    def addJobTag(self, tag):
        """Tags the jobs of this thread."""
        self._session.addTag(tag)

    def removeJobTag(self, tag):
        """Tags them no more."""
        self._session.removeTag(tag)

    def getJobTags(self):
        """The tags of this thread's jobs."""
        group = self.getLocalProperty(_GROUP)
        return self._session.getTags() - ({_tag(group)} if group is not None else set())

    def clearJobTags(self):
        """Removes all tags of this thread's jobs."""
        for tag in self.getJobTags():
            self._session.removeTag(tag)

    def cancelJobsWithTag(self, tag):
        """Ends the jobs with a tag."""
        self._session.interruptTag(tag)

    def statusTracker(self):
        """What is known of jobs and stages."""
        return StatusTracker(self._status)

    def _status(self, group):
        return self._control("status", group=None if group is None else _tag(group))

    # Profiles are those of DataFrames.

    def show_profiles(self):
        """RDDs are not profiled."""
        raise PySparkRuntimeError(errorClass="INCORRECT_CONF_FOR_PROFILE", messageParameters={})

    def dump_profiles(self, path):
        """RDDs are not profiled."""
        self.show_profiles()


def _tag(group):
    """A group as a tag, which has no comma and is not empty."""
    return "group:" + str(group).replace("%", "%25").replace(",", "%2C")
