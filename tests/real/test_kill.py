"""The program is killed at random moments: the short form of `./dev kill-loop`."""

import cases
import kill_loop


class Kill(cases.Case):
    def loop(self, server, count, seed):
        server = self.have(cases.world.s3, server)
        loop = kill_loop.Loop(cases.world, cases.release, server, seed)
        self.addCleanup(loop.close)
        try:
            counts = loop.run(count)
        except kill_loop.Wrong as why:
            self.fail(f"seed {seed}: {why}")
        self.assertGreater(counts["processes killed"], count / 3)
        self.assertGreater(counts["parts sent"], 0)

    def test_thirty_times_before_versitygw(self):
        self.loop("versitygw", 30, 1)

    def test_thirty_times_before_minio(self):
        self.loop("minio", 30, 2)
