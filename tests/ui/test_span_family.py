"""The pure parts of timeline and inspector, in the browser that runs them: no server, random input."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from quarterdeck_ui.assets import FOLDER

_PLACE = "http://deck.test"


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Page]:
    """A page that can import the components, of which nothing else is there."""
    page = browser.new_page()

    def serve(route: Route) -> None:
        name = urlsplit(route.request.url).path[1:]
        kind = "text/javascript" if name else "text/html"
        route.fulfill(body=(FOLDER / name).read_text() if name else "<!doctype html>", content_type=kind)

    page.route(f"{_PLACE}/**", serve)
    page.goto(_PLACE)
    yield page
    page.close()


def ran(page: Page, module: str, script: str, value: Any = None) -> Any:
    """What a function body gives that sees the module as ``m`` and a value as ``v``."""
    return page.evaluate(
        f"async (v) => {{ const m = await import('/{module}'); {_RANDOM} {script} }}",
        value,
    )


_RANDOM = """
let seed = 7;
const dice = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor((seed / 2147483648) * n); };
"""


def test_a_difference_gives_both_texts_back_and_is_as_short_as_can_be(modules: Page) -> None:
    script = """
    const same = (a, b) => { // longest common subsequence, the slow way
      const t = a.map(() => Array(b.length).fill(0));
      for (let i = 0; i < a.length; i += 1) for (let j = 0; j < b.length; j += 1)
        t[i][j] = a[i] === b[j] ? (t[i - 1]?.[j - 1] ?? 0) + 1 : Math.max(t[i - 1]?.[j] ?? 0, t[i][j - 1] ?? 0);
      return t.at(-1).at(-1);
    };
    const text = () => Array.from({ length: 1 + dice(14) }, () => "abcd"[dice(4)]);
    for (let round = 0; round < 2000; round += 1) {
      const [a, b] = [text(), text()];
      const lines = m.lineDiff(a.join("\\n"), b.join("\\n"));
      const of = (...kinds) => lines.filter((line) => kinds.includes(line.kind)).map((line) => line.text).join("\\n");
      if (of("same", "gone") !== a.join("\\n") || of("same", "new") !== b.join("\\n")) return [a, b, lines];
      if (lines.filter((line) => line.kind === "same").length !== same(a, b)) return [a, b, lines];
    }
    return "good";
    """
    assert ran(modules, "diff.js", script) == "good"


def test_texts_that_share_nothing_are_compared_at_once_and_equal_lines_are_left_out(modules: Page) -> None:
    script = """
    const side = (letter) => Array.from({ length: 6000 }, (_, n) => `${letter}${n}`).join("\\n");
    const far = m.lineDiff(side("a"), side("b"));
    const near = m.hunks(m.lineDiff(side("a"), side("a").replace("a3000\\n", "other\\n")), 1);
    return [far.length, near];
    """
    assert ran(modules, "diff.js", script) == [
        12000,
        [
            {"kind": "skipped", "count": 2999},
            {"kind": "same", "text": "a2999"},
            {"kind": "gone", "text": "a3000"},
            {"kind": "new", "text": "other"},
            {"kind": "same", "text": "a3001"},
            {"kind": "skipped", "count": 2998},
        ],
    ]


_TREE = """
const tree = (size, inside = true) => { // spans within their parents, as a clock would have them
  const nodes = new Map([["n0", { id: "n0", parent: "", kind: "run", name: "run", start: 0, end: 1000, attempt: 1 }]]);
  for (let n = 1; n < size; n += 1) {
    const parent = nodes.get(`n${dice(n)}`);
    const width = parent.end - parent.start;
    const start = parent.start + dice(width + 1);
    nodes.set(`n${n}`, { id: `n${n}`, parent: parent.id, kind: "step", name: `s${n}`, index: n, attempt: 1,
      start, end: start + dice(inside ? parent.end - start + 1 : 2 * width + 1) });
  }
  return nodes;
};
"""


def test_the_critical_path_accounts_for_the_whole_duration_and_never_leaves_the_tree(modules: Page) -> None:
    script = f"""{_TREE}
    for (let round = 0; round < 500; round += 1) {{
      const nodes = tree(2 + dice(30), round % 2 === 0);
      const path = m.criticalPath(m.family(nodes), 1000);
      const whole = [...path.values()].reduce((sum, ms) => sum + ms, 0);
      if (Math.abs(whole - 1000) > 30) return [whole, [...nodes.values()]];
      for (const [id, ms] of path) if (ms < 0 || (id !== "n0" && !path.has(nodes.get(id).parent))) return [id, ms];
    }}
    return "good";
    """
    assert ran(modules, "spans.js", script) == "good"


def test_of_parallel_steps_the_slow_one_is_critical_and_of_a_row_of_steps_all_are(modules: Page) -> None:
    spans = [
        ("run", "", 0, 100), ("load", "run", 0, 20), ("fast", "run", 20, 40), ("slow", "run", 20, 80),
        ("call", "slow", 30, 75), ("end", "run", 85, 100), ("open", "end", 90, None),
    ]  # fmt: skip
    nodes = [
        {"id": i, "parent": p, "kind": "run" if i == "run" else "step", "start": s, "end": e} for i, p, s, e in spans
    ]
    script = "return Object.fromEntries(m.criticalPath(m.family(new Map(v.map((n) => [n.id, n]))), 100));"
    assert ran(modules, "spans.js", script, nodes) == {
        "run": 5,
        "load": 20,
        "slow": 15,
        "call": 45,
        "end": 5,
        "open": 10,
    }


def test_every_span_has_one_row_even_in_a_ring_and_folding_hides_exactly_what_is_inside(modules: Page) -> None:
    script = f"""{_TREE}
    for (let round = 0; round < 300; round += 1) {{
      const nodes = tree(2 + dice(60));
      if (round % 3 === 0) {{
        nodes.set("ring1", {{ id: "ring1", parent: "ring2", start: 5, end: 6, kind: "span" }});
        nodes.set("ring2", {{ id: "ring2", parent: "ring1", start: 5, end: 6, kind: "span" }});
      }}
      const rows = m.flat(m.family(nodes));
      const ids = new Set(rows.map((row) => row.node.id));
      if (ids.size !== rows.length || ids.size !== nodes.size - 1) return ["rows", rows.length, nodes.size];
      const under = (row) => rows.filter((other) => m.ancestors(nodes, other.node.id).has(row.node.id)).length;
      const tidy = rows.filter((row) => !row.node.id.startsWith("ring"));
      if (tidy.some((row) => row.inside !== under(row))) return ["inside", rows];
      const shut = m.unfolded(rows, () => true);
      if (shut.length !== rows.filter((row) => row.depth === 0).length) return ["shut", shut.length];
    }}
    const wide = m.flat(m.family(tree(5000)));
    const depth = m.foldingDepth(wide, 200);
    return [wide.length, wide.filter((row) => row.depth <= depth).length <= 200 || depth === 0];
    """
    assert ran(modules, "spans.js", script) == [4999, True]


def test_a_step_that_was_tried_again_knows_how_often_and_one_that_was_not_says_nothing(modules: Page) -> None:
    steps = [
        ("a1", "a", 1, 1),
        ("a2", "a", 1, 2),
        ("a3", "a", 1, 3),
        ("b", "b", 2, 1),
        ("c1", "each", 3, 1),
        ("c2", "each", 3, 1),
    ]
    nodes = [{"id": i, "parent": "run", "kind": "step", "name": n, "index": x, "attempt": t} for i, n, x, t in steps]
    script = "return Object.fromEntries(m.attempts(new Map(v.map((n) => [n.id, n]))));"
    assert ran(modules, "spans.js", script, nodes) == {
        f"a{attempt}": {"attempt": attempt, "of": 3} for attempt in (1, 2, 3)
    }


YAML = "name: check\nsteps:\n  - id: load\n    retries: 3\n# done\n  - id: send\n"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (YAML, "yaml"),
        ("<order id='7'><line>two</line></order>", "xml"),
        ("<?xml version='1.0'?>\n<a/>", "xml"),
        ("<document>\npart\n</document>\nNow answer: yes.", ""),
        ("Summary: good.\n\nThe order came late, and nobody minded.", ""),
        ("# Title\n\n- one\n- two\n", ""),
        ("", ""),
    ],
)
def test_only_what_is_plainly_xml_or_yaml_is_taken_for_it(modules: Page, text: str, language: str) -> None:
    assert ran(modules, "languages.js", "return m.languageOf(v);", text) == language


def test_colouring_changes_no_letter(modules: Page) -> None:
    xml = '<?xml version="1.0"?><!-- note --><a href="x">1 < 2 & "quoted"</a>'
    texts = [YAML, xml, 'def f(x):  # "why"\n    return "a" + 1', "", "<", "a: 'b\n", "- - x: 1"]
    script = (
        "return v.map((t) => ['yaml', 'xml', 'python', ''].map((l) => m.coloured(t, l).map(([, p]) => p).join('')));"
    )
    assert ran(modules, "languages.js", script, texts) == [[text] * 4 for text in texts]
    script = "return Object.entries(v).map(([name, text]) => m.coloured(text, name).filter(([k]) => k));"
    samples = {"yaml": "id: 7 # no\n", "xml": '<a b="c">', "python": 'return "a" + 12  # why'}
    assert ran(modules, "languages.js", script, samples) == [
        [["key", "id"], ["num", "7"], ["com", "# no"]],
        [["kw", "<a"], ["key", "b"], ["str", '"c"'], ["kw", ">"]],
        [["kw", "return"], ["str", '"a"'], ["num", "12"], ["com", "# why"]],
    ]


def test_a_conversation_has_every_kind_of_message_and_media_as_facts(modules: Page) -> None:
    texts = {
        "system": json.dumps([{"type": "text", "content": "Be brief."}]),
        "input": json.dumps(
            [
                {
                    "role": "user",
                    "parts": [
                        {"type": "text", "content": "What is this?"},
                        {"type": "blob", "modality": "image", "mime_type": "image/png", "base64_characters": 4096},
                        {"type": "uri", "mime_type": "application/pdf", "uri": "gs://a/b.pdf"},
                    ],
                },
                {
                    "role": "tool",
                    "parts": [{"type": "tool_call_response", "response": [{"type": "text", "text": "42"}]}],
                },
            ]
        ),
        "output": json.dumps(
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "reasoning", "content": "Hm."},
                        {"type": "tool_call", "name": "look", "arguments": {"at": 1}},
                        {"type": "text", "content": "A cat."},
                    ],
                }
            ]
        ),
    }
    script = "return m.messages(v).map((e) => [e.role, e.label ?? '', e.body]);"
    found = ran(modules, "messages.js", script, texts)
    assert found == [
        ["system", "", "Be brief."],
        ["user", "", "What is this?"],
        ["user", "image", "image · image/png · 3.0 KB"],
        ["user", "uri", "uri · application/pdf · uri gs://a/b.pdf"],
        ["tool", "returns", "42"],
        ["thinking", "", "Hm."],
        ["tool", "calls look", '{\n  "at": 1\n}'],
        ["assistant", "", "A cat."],
    ]
    markdown = ran(
        modules, "messages.js", "return m.asMarkdown('check', [['Model', 'a|b']], m.messages(v).slice(6));", texts
    )
    assert markdown == (
        "# check\n\n| | |\n|---|---|\n| Model | a\\|b |\n\n"
        '## Tool: calls look\n\n```json\n{\n  "at": 1\n}\n```\n\n## Assistant\n\nA cat.\n'
    )


def test_of_a_hundred_thousand_log_lines_only_those_in_sight_exist_wherever_the_reader_is(modules: Page) -> None:
    script = """
    const list = m.logList({ create: (line) => Object.assign(document.createElement("p"), { textContent: line.body }),
      detail: () => document.createElement("p"), top: () => {}, reading: () => {} });
    Object.assign(list.root.style, { height: "480px", overflow: "auto" });
    document.body.append(list.root);
    const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    list.show(Array.from({ length: v }, (_, n) => ({ key: [n, 0, ""], body: `line ${n}` })));
    const seen = [];
    for (const share of [1, 0.5, 0.25, 0]) {
      if (share < 1) list.root.scrollTop = share * parseFloat(list.root.firstElementChild.style.height);
      await drawn();
      const rows = [...list.root.querySelectorAll("p")].map((row) => row.textContent);
      seen.push([rows.length < 60, rows.includes(`line ${Math.min(v - 1, share * v)}`)]);
    }
    list.root.remove();
    return seen;
    """
    assert ran(modules, "log_list.js", script, 100_000) == [[True, True]] * 4


def test_hits_are_found_across_pieces_of_a_block_but_not_from_one_block_to_the_next(modules: Page) -> None:
    script = """
    const root = document.createElement("div");
    const block = (...pieces) => { const p = document.createElement("p"); for (const piece of pieces) {
      const part = document.createElement("b"); part.append(piece); p.append(part); } root.append(p); };
    block("the To", "TAL is", " total"); block("tot"); block("al a.*b");
    document.body.append(root);
    const range = m.hits(root, "total")[0];
    return [v.map((words) => m.hits(root, words).map(String)), range.startContainer.data, range.endContainer.data];
    """
    assert ran(modules, "find.js", script, ["total", ".*", "", "none"]) == [
        [["ToTAL", "total"], [".*"], [], []],
        "the To",
        "TAL is",
    ]
