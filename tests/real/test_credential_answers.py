"""What a program that tells credentials may answer, and how it is told what is wrong: nothing that it said is ever shown."""

import json

import cases
import data
import sync
from world import ACCESS_KEY, SECRET_KEY

SAID = "planted-answer"


def escaped(text):
    """Each letter as an escape of JSON."""
    return '"%s"' % "".join(f"\\u{ord(c):04X}" for c in text)


def answer(**fields):
    return json.dumps({"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, **fields})


def behind(text):
    """An answer that is right but for its last field."""
    return answer()[:-1] + text


class Answers(cases.Case):
    def setUp(self):
        self.server = self.have(cases.world.versitygw)
        self.me = self.person()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.me.environment[name]
        self.said = self.me.folder / "answer"
        (self.me.folder / ".aws").mkdir()
        (self.me.folder / ".aws" / "config").write_text(f"[default]\ncredential_process = /bin/cat {self.said}\n")
        self.source = self.me.source("memory.bin", data.random_bytes, 1000)
        self.policy = sync.policy({"cloud": sync.s3(self.server, prefix=f"answers-{self.me.folder.name}")},
                                  compress="'none'", dedup="'always'")

    def told(self, text):
        self.said.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = self.me.run(self.policy, [self.source], "--verbose")
        for planted in (SECRET_KEY, SAID):
            self.assertNotIn(planted, result.out)
            self.assertNotIn(planted, result.err)
        return result

    def test_any_json_that_says_it_is_understood(self):
        for text in (
                answer(Expiration="2999-01-01T00:00:00Z", SessionToken=None),
                '\n\t {"Version" : 1 ,"AccessKeyId":%s,\r\n"SecretAccessKey":%s}\n' % (escaped(ACCESS_KEY), escaped(SECRET_KEY)),
                behind(', "Extra": {"a": [1, -0.5e+3, {"b": []}, "x\\"y\\n\\t\\b\\f\\r\\/\\\\", true, false, null], "c": {}}}'),
                behind(', "Name": "gr\\u00fcn \\u20ac \\uD83C\\uDF31", "Empty": "", "N": 0, "E": 1E5, "L": [[], [[]]]}'),
                behind(', "Long in a list": ["%s"]}' % ("x" * 20_000)), behind(', "%s": 1}' % ("n" * 200))):
            with self.subTest(text=text[:200]):
                self.assert_stored(self.told(text), "cloud")

    def test_what_cannot_be_read_says_why_and_shows_nothing_of_it(self):
        for text, why in (
                ("", "no JSON object"), ("{", "no JSON object"), ('{"a"', "no JSON"),
                (answer()[:-1], "cut"), (behind(', "a": ['), "cut"), (answer() + SAID, "something stands behind it"),
                (behind(', "a": "%s' % SAID), "ends inside of a text"), (behind(', "a": "\\u00'), "ends inside of an escape"),
                (behind(', "a": "\\'), "ends inside of an escape"), (behind(', "a": "\\x41"}'), "broken escape"),
                (behind(', "a": "\\u00zz"}'), "broken escape"), (behind(', "a": "\\u0000"}'), "holds a NUL"),
                (behind(', "a": "x\ny"}'), "control character"), (behind(', "a": [%s' % ("[" * 100)), "nested too deeply"),
                (behind(', "a": "%s"}' % ("x" * 20_000)), "too long"), (behind(', "a": {"b" 1}}'), "no JSON"),
                (behind(', "a": {"b": 1, 2}}'), "no JSON"),
                *((behind(', "a": %s}' % word), "no JSON") for word in ("tru", "01", "1.", "1e")),
                (behind(', "AccessKeyId": "%s"}' % SAID), "AccessKeyId twice"),
                (answer(Expiration="tomorrow"), "Expiration is no time"),
                (answer(AccessKeyId=""), "AccessKeyId"), (answer(Version=2), "Version"),
                (answer(Expiration="2001-01-01T00:00:00Z"), "expired")):
            with self.subTest(text=text[-60:]):
                result = self.told(text)
                self.assertNotEqual(result.code, 0, result)
                self.assertIn(result.report["error"]["failure"], ("auth_missing", "bad_reply", "auth_expired"), result)
                self.assertIn(why, result.report["error"]["message"], result)
                self.assertEqual(len(self.me.queue()), 1)
