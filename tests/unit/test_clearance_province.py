"""Tiles judged on a Dask cluster: the same as here, and nothing is lost with a process that dies."""

import pytest
from distributed import Client, LocalCluster

from bench.province import judge_chunk, judge_province

# The nanny of a killed process speaks of it while the cluster closes.
pytestmark = pytest.mark.filterwarnings("ignore")
CHUNKS, SIDE = 6, 3


def test_a_province_is_judged_in_full_though_a_process_is_killed_half_way() -> None:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        done = judge_province(client, CHUNKS, SIDE, kill_after=2)
    here = [judge_chunk(number, SIDE) for number in range(CHUNKS)]
    assert [each["number"] for each in done] == list(range(CHUNKS))
    assert [each["kinds"] for each in done] == [each["kinds"] for each in here]
    assert sum(sum(each["kinds"].values()) for each in here) > 50
