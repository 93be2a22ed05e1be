"""An archive by jobs of SLURM: python slurm.py MODEL SOUNDS RESULTS

Run it where jobs can be submitted and outlive a login: in tmux, or as a job of its own. It goes on where it stopped.
"""
import sys

from dask_jobqueue import SLURMCluster
from distributed import Client

from scorecam_denoise.archive import denoise_archive
from scorecam_denoise.overview import write_overview

JOBS = 100
WORKER = dict(
    job_name="scorecam-denoise",
    cores=1,  # threads of a job, all of one process: results repeat
    processes=1,
    memory="3GB",
    walltime="24:00:00",
    queue=None,  # partition; None: the cluster's own choice
    account=None,
    interface=None,  # such as ib0, where hosts have several networks
    death_timeout=600,  # s that a worker waits for the scheduler
    job_script_prologue=["export OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 MALLOC_TRIM_THRESHOLD_=67108864 MALLOC_MMAP_THRESHOLD_=33554432"],
    job_extra_directives=["--requeue", "--nice=100"],
    log_directory="slurm-logs",
)


def main(
    model: str,  # a saved model's folder
    sounds: str,  # a folder, a glob pattern or a CSV of recordings
    results: str,  # a folder; all three under the same names on every host
) -> None:
    "Does an archive, however many of the jobs have begun."
    with SLURMCluster(**WORKER) as cluster, Client(cluster) as client:
        print(f"dashboard: {client.dashboard_link}", flush=True)
        cluster.scale(jobs=JOBS)
        client.wait_for_workers(1)
        summary = denoise_archive(model, sounds, results, client=client)
    print(summary["status"].value_counts().to_string())
    write_overview(results)


if __name__ == "__main__":
    main(*sys.argv[1:])
