"""`ganzoo report`: what the page says, and that nothing of a run's folder becomes more than text."""

import base64
import io
import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

import cli
from commands import reports
from commands.report.page import page
from commands.report.run_data import read_run
from helpers.command_line import error
from helpers.pages import Page, write_run

KNOWN = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "nav", "main", "section", "h2", "h3", "p",
    "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "strong", "figure", "figcaption", "img",
    "svg", "desc", "path", "text", "circle", "pre", "details", "summary", "footer",
}  # fmt: skip
EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def shown(*folders):
    """Return the page of some runs, once all that holds for every page was looked at."""
    content = page(reports.with_names(folders)).decode()
    found = Page(content)
    assert {name for name, _, _ in found.elements} <= KNOWN
    attributes = [pair for _, given, _ in found.elements for pair in given.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("srcdoc", "action")]
    ids = [value for name, value in attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    assert {value for name, value in attributes if name == "href"} <= {f"#{each}" for each in ids}
    for image, _ in found.all("img"):
        assert image["alt"]
        assert re.match(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+$", image["src"])
    assert not re.search(r"url\(|@import|https?:", content)
    for svg in ("title", "desc"):
        assert sum(name == svg for name, _, _ in found.elements) >= len(found.all("svg"))
    return found


def test_a_run_s_page_has_its_scores_beside_real_data_s_its_curves_grids_and_command(tmp_path):
    found = shown(write_run(tmp_path / "one"))
    assert found.table("Scores of the test") == [
        ["score", "generated", "real images"],
        ["fid lower is better", "1.25", "0.5"],
        ["precision higher is better", "0.75", ""],
    ]
    assert found.table("Scores of validations")[1] == ["val/fid", "1.25", "1.25, 8"]
    told = [text for _, text in found.all("desc")]
    assert told == ["5 at step 2, 1.25 at step 8, best 1.25 at step 8", "1 at step 1, 0.125 at step 8"]
    titles = [text for _, text in found.all("figcaption")]
    assert titles[:3] == ["step 1", "step 8", "real images"]
    assert [text for _, text in found.all("pre")] == ["ganzoo fit --config tiny"]
    assert "ended at step 8: max_steps 8 reached" in str(found.table("What was run"))
    assert "/home/somebody" not in str(found.elements)


def test_the_pictures_are_those_of_the_folder(tmp_path):
    folder = write_run(tmp_path / "one")
    (_, last, real), paths = shown(folder).all("img"), ["step_0000008.png", "real.png"]
    for (image, _), name in zip((last, real), paths, strict=True):
        data = base64.b64decode(image["src"].partition(",")[2])
        with Image.open(io.BytesIO(data)) as one, Image.open(folder / "samples" / name) as other:
            assert one.size == other.size
            near = zip(one.convert("RGB").resize((4, 3)).tobytes(), other.resize((4, 3)).tobytes(), strict=True)
            assert max(abs(a - b) for a, b in near) < 12


def test_of_several_runs_only_what_differs_is_in_the_table_and_the_best_is_marked(tmp_path):
    other = {"model": {"class_path": "zoo.GAN", "init_args": {"latent_dim": 16}}, "extra": {"new": [1, {"a": "b"}]}}
    result = {"step": 8, "samples": 100, "scorer": "mnist", "scores": {"fid": {"generated": 0.75, "real": 0.5}}}
    first = write_run(tmp_path / "one" / "run")
    second = write_run(tmp_path / "two" / "run", other, **{"scores.json": json.dumps(result)})
    found = shown(first, second)
    assert found.table("Settings that are not the same") == [
        ["setting", "A", "B"],
        ["extra.new.0", "(not there)", "1"],
        ["extra.new.1.a", "(not there)", "b"],
        ["model.init_args.latent_dim", "8", "16"],
    ]
    assert found.table("What was run")[0] == ["", "A run (1)", "B run (2)"]
    assert ["fid lower is better", "1.25", "0.75 (best)"] in [row[:3] for row in found.table("Scores of the test")]
    assert "all settings are the same" in str(shown(first, first).elements)


@pytest.mark.parametrize("change", [{"samples": 99}, {"scorer": "other"}])
def test_runs_scored_otherwise_are_not_ranked(tmp_path, change):
    first = write_run(tmp_path / "one")
    result = json.loads((first / "scores.json").read_text()) | change
    result["scores"]["fid"]["generated"] = 0.1
    second = write_run(tmp_path / "two", **{"scores.json": json.dumps(result)})
    found = shown(first, second)
    assert "(best)" not in str(found.table("Scores of the test"))
    assert "do not compare" in "".join(text for _, text in found.all("p"))


def test_whatever_a_folder_says_is_text(tmp_path):
    folder = write_run(
        tmp_path / EVIL.replace("/", "\N{FULLWIDTH SOLIDUS}"),
        {EVIL: {EVIL: EVIL}},
        **{
            "metrics.csv": f'step,"{EVIL.replace(chr(34), chr(34) * 2)}",val/<b>\n1,2,3\n2,3,4\n',
            "scores.json": json.dumps({"scorer": EVIL, "step": 1, "scores": {EVIL: {"generated": 1, "real": EVIL}}}),
            "environment.yaml": json.dumps({"command": f"ganzoo {EVIL}", "torch": EVIL}),
            "log.txt": f"x INFO ended at step {EVIL}\n",
        },
    )
    found = shown(folder)
    assert EVIL in "".join(text for _, text in found.all("details"))
    assert "val/<b>" in [text for _, text in found.all("strong")]
    assert all(EVIL[:30] in str(found.table(title)) for title in ("Settings of", "Scores of the test"))


def test_characters_that_hide_or_turn_others_are_not_on_the_page(tmp_path):
    content = page([read_run(write_run(tmp_path / "a\u202eb\u0007c", {"k": "x\u2066y\x7fz\ud800"}))]).decode()
    assert not re.search("[\u0007\u202e\u2066\x7f\ud800]", content)
    assert "a\ufffdb\ufffdc" in content


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    write_run(secret, {"password": "hunter2"}, **{"log.txt": "x INFO ended at step hunter2\n"})
    folder = write_run(tmp_path / "sent")
    for name in ("config.yaml", "metrics.csv", "scores.json", "environment.yaml", "log.txt", "samples/real.png"):
        (folder / name).unlink()
        (folder / name).symlink_to(secret / name)
    run = read_run(folder)
    assert (run.configuration, run.curves, run.scores, run.made_with, run.ending) == ({}, {}, {}, {}, "")
    assert len(run.notes) == 5
    found = shown(folder)
    assert "hunter2" not in str(found.elements)
    assert len(found.all("img")) == 2
    assert str(found.elements).count("leads out of the run's folder") >= 6


def test_a_folder_of_pictures_elsewhere_is_not_read(tmp_path):
    folder, other = write_run(tmp_path / "sent"), write_run(tmp_path / "other")
    (folder / "samples").rename(folder / "kept")
    (folder / "samples").symlink_to(other / "samples")
    assert not shown(folder).all("img")


def encoded(side, kind):
    """Return a black square as bytes: few, however large."""
    Image.new("1", (side, side)).save(buffer := io.BytesIO(), format=kind)
    return buffer.getvalue()


def aliases(kind):
    """Return YAML of few lines that means 2**13 values."""
    doubled = (f"a{i}: &a{i} {kind.format(f'*a{i - 1}')}" for i in range(1, 13))
    return "\n".join(["a0: &a0 [x, x]", *doubled])


#: What is wrong, in which file, and what the note says.
BROKEN = {
    "multiplying aliases": ("config.yaml", aliases("[{0}, {0}]"), "3,000 settings"),
    "multiplying pairs": ("config.yaml", aliases("!!pairs [x: {0}, y: {0}]"), "3,000 settings"),
    "a list in itself": ("config.yaml", "a: &a [*a, {}]", "recursion"),
    "deep YAML": ("config.yaml", "[" * 2000, "recursion"),
    "large YAML": ("config.yaml", "a: 1\n" + "# no end\n" * 20_000, "more than 131,072 bytes"),
    "tags": ("config.yaml", "!!python/object/apply:os.system [echo]", "constructor"),
    "deep JSON": ("scores.json", "[" * 100_000, "recursion"),
    "no JSON": ("scores.json", "{", "Expecting"),
    "a long field": ("metrics.csv", "step," + "x" * 200_000 + "\n1,2", "field"),
    "no text": ("metrics.csv", b"\xff\xfe\x00", "utf-8"),
    "many columns": ("metrics.csv", f"step,{','.join(map(str, range(500)))}\n1{',1' * 500}", "100 columns"),
    "a large picture": ("samples/step_0000001.png", encoded(6000, "PNG"), "more than 33,554,432 pixels"),
    "no picture": ("samples/step_0000001.png", b"\x89PNG\r\n", "no PNG"),
    "another kind of picture": ("samples/step_0000001.png", encoded(4, "GIF"), "no PNG"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_a_note_and_the_rest_is_there(tmp_path, name):
    folder, (file, content, said) = write_run(tmp_path / "sent"), BROKEN[name]
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = shown(folder)
    (note,) = (text for given, text in found.all("p") if given.get("class") == "note")
    assert f"{file} was not read: " in note
    assert said in note
    assert len(found.all("section")) >= 5


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = write_run(tmp_path / "sent")
    (folder / "log.txt").unlink()
    os.mkfifo(folder / "log.txt")
    assert "FIFO" in read_run(folder).notes[0]


def test_values_that_are_none_are_left_out(tmp_path):
    lines = ["step,val/fid,train/x", "1,nan,inf", "2,1e400,", "3,x,-inf", "4,3.5,2", "4,,7", "nan,1,1", "1e300,,1"]
    odd = {"fid": {"generated": 1e400}, "kid": 3, "recall": {"generated": True, "real": "x"}}
    scores = {"step": 9**999, "samples": [], "scorer": None, "scores": odd}
    found = read_run(
        write_run(tmp_path / "odd", **{"metrics.csv": "\n".join(lines), "scores.json": json.dumps(scores)})
    )
    assert found.curves["val/fid"] == [(4, 3.5)]
    assert found.curves["train/x"][0] == (4, 7.0)
    assert found.scores["scores"]["fid"] == {"generated": None, "real": None}
    assert shown(found.folder)


def test_a_run_of_which_only_little_is_left_has_a_page(tmp_path):
    empty = dict.fromkeys(("environment.yaml", "metrics.csv", "scores.json", "log.txt"))
    folder = write_run(tmp_path / "young", **empty)
    for path in (folder / "samples").iterdir():
        path.unlink()
    assert [text for _, text in shown(folder).all("h2")] == ["Runs", "Settings"]


# -- the command --


def test_the_command_writes_one_page_whole_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = [str(write_run(tmp_path / "runs" / name / "now")) for name in ("a", "b")]
    cli.main(["report", *folders])
    cli.main(["report", *folders, "--out", "made/two.html"])
    assert capsys.readouterr().out.splitlines() == ["report.html", "made/two.html"]
    assert Path("report.html").read_bytes() == Path("made/two.html").read_bytes()
    assert "A a/now" in str(Page(Path("report.html").read_text()).table("What was run"))
    assert not list(tmp_path.glob("**/*.part"))


def test_what_could_not_be_read_is_said_on_the_terminal(tmp_path, capsys):
    folder = write_run(tmp_path / "sent", **{"scores.json": "{"})
    cli.main(["report", str(folder), "--out", str(tmp_path / "report.html")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{folder}: scores.json was not read: ")


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        ([], 2, "RUN"),
        (["nowhere"], 2, "nowhere is no run's folder"),
        (["run", "--out", "report.txt"], 2, "ends with .html"),
        (["run", "--out", "run/config.yaml/report.html"], 1, "report.html"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, argv, status, said):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run")
    code, line = error(capsys, "report", *argv)
    assert code == status
    assert said in line


def test_a_page_that_cannot_be_made_is_one_line_and_no_reason_to_fail(tmp_path, monkeypatch, caplog):
    folder = write_run(tmp_path / "run")
    for broken in (OSError(28, "No space left on device"), RuntimeError(), KeyError("x")):

        def write(*_, broken=broken):
            raise broken

        monkeypatch.setattr(reports, "write", write)
        with caplog.at_level("WARNING"):
            reports.leave(folder)
    assert ["no report" in record.message for record in caplog.records] == [True] * 3
    assert "No space left on device" in caplog.text
