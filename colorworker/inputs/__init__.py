"""The sources of a job: listed or named by manifests, classified, and frozen as the job plan."""
