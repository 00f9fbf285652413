"""A throttle: the bytes of a run, all requests together, go as fast as it says and no faster."""

import cases
import data
import sync

MIB = 1 << 20
RATE = 3 * MIB
# What may go at once beside the rate (data/throttle.h): a tenth of a second's bytes, and one grant.
AHEAD_S = 0.2
# Far from what a busy machine adds, and from what a throttle that holds up twice would.
TIMES_MAX = 6


class Throttle(cases.Case):
    def uploads(self, target, name, rate):
        """Two files, of three parts and of one, that do not shrink."""
        person = self.person(figures=True)
        sources = [data.random_bytes(person.folder / "one.bin", 11 * MIB, 1),
                   data.random_bytes(person.folder / "two.bin", 1 * MIB, 2)]
        result = person.run(sync.policy({name: target}, compress="'none'", throttle=rate), sources)
        self.assert_stored(result, name)
        print(f"figure: {name}: 12 MiB at {rate / MIB:.0f} MiB/s in {result.wall_s:.2f} s, processor "
              f"{result.cpu_s:.2f} s")
        return result.wall_s

    def check(self, target, name):
        seconds = self.uploads(target, name, RATE)
        self.assertGreater(seconds, 12 * MIB / RATE - AHEAD_S)
        self.assertLess(seconds, 12 * MIB / RATE * TIMES_MAX)

    def test_versitygw_over_https(self):
        self.check(sync.s3(self.have(cases.world.versitygw, True), prefix="throttle"), "cloud")

    def test_minio_over_http(self):
        self.check(sync.s3(self.have(cases.world.minio, False), prefix="throttle"), "cloud")

    def test_nginx_over_http(self):
        self.check(sync.http(self.have(cases.world.nginx, False)), "web")

    def test_slow_parts_are_no_stalled_parts(self):
        person = self.person()
        sources = [data.random_bytes(person.folder / "one.bin", MIB // 2)]
        target = sync.s3(self.have(cases.world.minio, False), prefix="slow")
        result = person.run(sync.policy({"cloud": target}, compress="'none'", throttle=64 * 1024), sources)
        self.assert_stored(result, "cloud")
        self.assertEqual([d for d in result.decisions if d["question"] == "retry"], [])
        self.assertGreater(result.wall_s, 8 - AHEAD_S)
