import cProfile, pstats, time, resource
from tests.test_cli import *
from tests.conftest import *
def test_prof(here):
    for i in range(2):
        a=resource.getrusage(resource.RUSAGE_SELF); t=time.time()
        p=cProfile.Profile(); p.enable(); edit("--overwrite"); p.disable()
        b=resource.getrusage(resource.RUSAGE_SELF)
        print("CPU", b.ru_utime-a.ru_utime, b.ru_stime-a.ru_stime, "wall", time.time()-t)
        pstats.Stats(p).sort_stats("cumtime").print_stats(45)
