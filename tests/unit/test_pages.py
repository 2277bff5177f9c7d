"""The pages name what there is: links and paths lead somewhere; targets, variables and reasons are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rowgate.v1.error_pb2 import ErrorReason
from rowgate_server import __version__
from rowgate_server.config.sources import from_environment
from support import documents
from support.available import ROOT

PAGES = documents.pages()
PROTO = (ROOT / "proto/rowgate/v1/error.proto").read_text(encoding="utf-8")
REASONS = [name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()[1:]]


def named_by_make(page: str) -> set[str]:
    """The targets that a page names, as `make run` in its prose or as a command."""
    typed = {command.text for command in documents.typed(page)}
    words = {word for word in typed | documents.code_words(page) if documents.MAKE.fullmatch(word)}
    return {target for word in words for target in word.split()[1:]}


# Links, paths, targets, variables


@pytest.mark.parametrize("page", PAGES)
def test_each_relative_link_leads_somewhere(page: str) -> None:
    relative = [target for target in documents.links(page) if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if not documents.leads_somewhere(page, target)] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_path_that_is_named_is_there(page: str) -> None:
    assert [path for path in documents.named_paths(page) if not any(ROOT.glob(path))] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_make_target_that_is_named_is_there(page: str) -> None:
    assert named_by_make(page) <= documents.makefile_targets()


@pytest.mark.parametrize("page", PAGES)
def test_each_variable_that_is_named_is_a_setting(page: str, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text("a value", encoding="utf-8")
    for word in documents.code_words(page):
        name, _, value = word.partition("=")
        if re.fullmatch(r"ROWGATE_[A-Z0-9_]*[A-Z0-9]", name):
            found = from_environment({name: str(file) if name.endswith("_FILE") else value or "a value"})
            assert not found.problems, [str(problem) for problem in found.problems]


def test_each_target_that_make_help_lists_is_explained_to_contributors() -> None:
    rows = documents.tables("CONTRIBUTING.md")
    assert documents.makefile_targets(listed=True) <= {
        target for row in rows for target in re.findall(r"`make ([a-z-]+)`", row[0])
    }


def test_the_index_has_every_page_of_the_docs() -> None:
    linked = {target.partition("#")[0] for target in documents.links("docs/README.md")}
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert pages - {"README.md"} <= linked


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    newest = re.search(r"^## (\S+)", documents.read("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == __version__


# Errors


def told_reasons() -> list[list[str]]:
    """The rows of the table of reasons: reason, code, meaning, remedy, retry."""
    return [row for row in documents.tables("docs/errors.md") if len(row) == 5]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_explained_with_the_code_that_the_proto_gives_it(reason: str) -> None:
    in_proto = re.search(rf"// ([A-Z_]+)\. [^\n]*\n(?: *//[^\n]*\n)* *ERROR_REASON_{reason} = ", PROTO)
    assert in_proto
    (row,) = [row for row in told_reasons() if row[0] == f"`{reason}`"]
    assert row[1] == f"`{in_proto[1]}`"
    assert all(row)


def test_no_other_reason_is_explained_and_they_stand_in_the_order_of_the_proto() -> None:
    assert [row[0] for row in told_reasons()] == [f"`{reason}`" for reason in REASONS]


def test_a_retry_is_offered_where_the_code_allows_one() -> None:
    for reason, code, _, _, retry in told_reasons():
        may = code in ("`ABORTED`", "`UNAVAILABLE`") or reason in ("`POOL_EXHAUSTED`", "`QUOTA_EXCEEDED`")
        assert (retry != "no") == may, reason


def test_each_key_of_an_error_s_metadata_is_explained() -> None:
    sentence = re.search(r"ErrorInfo\.metadata has(.*?)\(see Outcome\)", PROTO, re.DOTALL)
    assert sentence
    rows = [row for row in documents.tables("docs/errors.md") if len(row) == 2]
    assert set(re.findall(r"`(\w+)`", sentence[1])) <= {key for row in rows for key in re.findall(r"`(\w+)`", row[0])}


# What compares a page's answers with the real ones


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ("one\n", "one\n"),
        ("...\ntwo\n", "one\ntwo\n"),
        ("one\n...\n", "one\n"),
        ('{\n  "a":  1\n}\n', '{\n\t"a": 1\n}'),
        ('"query_id": "' + "0" * 32 + '"\n', '"query_id": "' + "f" * 32 + '"\n'),
        ("databases.a: ok, postgresql 15.1\n", "databases.a: ok, postgresql 17.2 (Debian)\n"),
        ('"elapsed": "1.5s"\n', '"elapsed": "0.003s"\n'),
    ],
)
def test_an_answer_that_differs_only_in_what_is_volatile_is_the_same(shown: str, real: str) -> None:
    assert documents.difference(shown, real) == ""


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ("one\n", "two\n"),
        ("one\n", "one\ntwo\n"),
        ("one\ntwo\n", "one\n"),
        ("two\n...\n", "one\ntwo\n"),
        ("", "one\n"),
        ("databases.a: ok, postgresql 15.1\n", "databases.a: ok, mariadb 10.11\n"),
        ('"elapsed": "1.5s"\n', '"elapsed": 1.5\n'),
    ],
)
def test_any_other_difference_is_found(shown: str, real: str) -> None:
    assert documents.difference(shown, real) != ""
