"""Memory does not grow with the file: the program as people run it, over https."""

import cases
import data
import sync

RAW_MIB_MAX = 20
COMPRESSED_MIB_MAX = 40


class Memory(cases.Case):
    def setUp(self):
        if cases.counts_lines(cases.release):
            self.skipTest("memory is not measured: a build that counts lines is not what people run")

    def peak(self, size, codec):
        server = self.have(cases.world.versitygw, True)
        person = self.person(figures=True)
        source = person.source("memory.bin", data.half_compressible, size)
        text = sync.policy({"cloud": sync.s3(server, prefix="memory")}, compress=sync.quoted(codec))
        result = person.run(text, [source])
        self.assert_stored(result)
        print(f"{size // data.MIB} MiB as {codec}: {result.rss_mib:.1f} MiB", end=" ", flush=True)
        return result.rss_mib

    def test_raw_stays_under_20_mib(self):
        for size in (42 * data.MIB, 200 * data.MIB):
            self.assertLessEqual(self.peak(size, "none"), RAW_MIB_MAX)

    def test_compressed_stays_under_40_mib(self):
        for codec in ("gzip", "zstd"):
            for size in (42 * data.MIB, 200 * data.MIB):
                self.assertLessEqual(self.peak(size, codec), COMPRESSED_MIB_MAX)
