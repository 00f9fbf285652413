"""Every example of every page of docs, in the order of its page, as a reader would follow it: docs/writing.md.

A page has a home of its own, a real S3 server with an empty bucket, and a server that takes PUT.
"""

import collections
import json
import time
import unittest
from pathlib import Path

import cases
import docs_home
import pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
skipped = collections.Counter()


def wrong_in(block):
    """What can be known of an example without running it."""
    if block.language == pages.INDENTED:
        return "an example without a fence is run by nobody"
    if block.language is not None and block.language not in pages.LANGUAGES:
        return f"a fence names one of {', '.join(sorted(pages.LANGUAGES))}, and not {block.language!r}"
    if block.language == pages.TEXT and any(line.startswith(("$ ", "akosha-sync ")) for line in block.text.splitlines()):
        return "commands that are called text are run by nobody"
    if block.language == "json":
        try:
            json.loads(block.text)
        except ValueError as why:
            return f"no JSON: {why}"
    if block.language == "c" and not any(block.text in path.read_text() for path in c_files()):
        return "stands in no file of examples/ or include/ as it does here"
    return None


def c_files():
    return [path for folder in ("examples", "include") for path in (ROOT / folder).rglob("*.[ch]")]


def follow(text, home, stop_at_first=True):
    """Runs a page; what was wrong, as (line, what)."""
    blocks, wrong = pages.read(text)
    for block in blocks:
        why = wrong_in(block)
        if why is None and "skip" in block.options:
            skipped[block.options["skip"]] += 1
        elif why is None:
            try:
                missing = home.run(block)
                if missing:
                    skipped[f"no {missing}"] += 1
            except docs_home.Failed as failed:
                why = str(failed)
        if why is not None:
            wrong.append((block.line, why))
            if stop_at_first:
                break
    return wrong


class Homed(cases.Case):
    def home(self):
        server = self.have(cases.world.versitygw)
        nginx = self.have(cases.world.nginx)
        client = server.client()
        for bucket in docs_home.BUCKETS:
            if bucket not in {entry["Name"] for entry in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=bucket)
            found = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for key in [entry["Key"] for page in found for entry in page.get("Contents", ())]:
                client.delete_object(Bucket=bucket, Key=key)
        folder = cases.world.place("docs")
        home = docs_home.Home(folder, cases.release,
                              docs_home.places(folder, server.url, nginx.url.removesuffix("/upload")))
        self.addCleanup(home.close)
        return home


class Docs(Homed):
    """One test for each page; made below."""

    def follow(self, path):
        text = path.read_text()
        wrong = follow(text, self.home())
        if wrong:
            self.fail("\n".join(["", *(f"{path.name}:{line}: {why}" for line, why in wrong)]))


def page_test(path):
    return lambda self: self.follow(path)


def name_of(page):
    """Pages of two folders may have one name, in capitals or not."""
    name = page.stem.replace("-", "_").lower()
    twice = sum(other.stem.lower() == page.stem.lower() for other in PAGES) > 1
    return f"test_{name}" + ("_of_docs" if twice and page.parent != ROOT else "")


for page in PAGES:
    assert not hasattr(Docs, name_of(page)), f"{page} is followed by nobody: its test has the name of another"
    setattr(Docs, name_of(page), page_test(page))


class Skipped(unittest.TestCase):
    def test_few_examples_are_skipped_and_each_says_why(self):
        counted = collections.Counter(block.options["skip"] for page in PAGES for block in pages.read(page.read_text())[0]
                                      if "skip" in block.options)
        print("\n".join(f"    {count} {why}" for why, count in sorted(counted.items())))
        self.assertLessEqual(set(counted), set(pages.REASONS))
        self.assertLessEqual(sum(counted.values()), pages.SKIPPED_MAX)


# page -> what is found in it
GOOD = """# A page

<!-- run
printf 'hidden\\n' > there; number=7
-->

```console
$ cat there
hidden
$ printf '%s\\n' "$number of 20261123T084512Z-3f9a2c, 1.5 MB in 0.2 s"
7 of 20200101T000000Z-000000, 22 kB  in 17.0 s
$ seq 3
1
...
```

<!-- run: exit=3 -->
```sh
cd /; number=8
exit 3
```

<!-- run: NAME=$number -->
```console
$ echo NAME; pwd
8
/
```

```lua
retry = akosha.retry.none(),
```

<!-- run: needs=no-such-program -->
```sh
no-such-program
```

```json
{"fine": true}
```
"""
PLANTED = {
    "exit code 1": "```sh\nfalse\n```\n",
    "in the middle: exit code 1": "```console\n$ sh -c 'exit 1' in the middle\n$ true\n```\n",
    "the page shows": "```console\n$ echo no\nyes\n```\n",
    "1 more line": "```console\n$ echo 1 more line; echo 2\n1 more line\n```\n",
    "exit code 0, not 5": "<!-- run: exit=5 -->\n```sh\ntrue\n```\n",
    "no JSON": "```json\n{no}\n```\n",
    "did you mean": "```lua\nretri = akosha.retry.none(),\n```\n",
    "unexpected symbol": "```lua\nreturn akosha.policy { api = = 1 }\n```\n",
    "without a fence": "Like this:\n\n    akosha-sync run\n",
    "a fence names one of": "```\nakosha-sync run\n```\n",
    "called text": "```text\nakosha-sync run\n```\n",
    "no reason to skip": "<!-- run: skip=tired -->\n```sh\ntrue\n```\n",
    "right before it": "<!-- run: exit=1 -->\nSome words.\n\n```sh\nfalse\n```\n",
    "does not end": "```sh\ntrue\n",
    "not understood": "<!-- run fast -->\n```sh\ntrue\n```\n",
    "without a command": "```console\nakosha-sync run\n```\n",
    "help says": "```usage\nakosha-sync list --no-such-option\n```\n",
    "stands in no file": "```c\nint nowhere;\n```\n",
    "does not stand": "<!-- run: NAME=x -->\n```sh\ntrue\n```\n",
}


class Planted(Homed):
    """What a page can have wrong is found, and only that."""

    def test_nothing_is_wrong_in_a_good_page(self):
        home = self.home()
        self.assertEqual(follow(GOOD, home), [])

    def test_each_planted_mistake_is_found(self):
        for said, text in PLANTED.items():
            with self.subTest(said):
                home = self.home()
                wrong = follow(text, home)
                self.assertTrue(wrong)
                self.assertIn(said, wrong[0][1])

    def test_what_a_page_starts_ends_with_it(self):
        home = self.home()
        self.assertEqual(follow("```sh\nsleep 600 >/dev/null 2>&1 & echo $! > pid\n```\n", home), [])
        pid = (home.home / "pid").read_text().strip()
        home.close()
        for _ in range(200):
            stat = Path(f"/proc/{pid}/stat")
            if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
            time.sleep(0.02)
        self.fail("still there")
