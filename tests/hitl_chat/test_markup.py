from typing import Any

import pytest

from hitl_chat.markup import Node, nodes


def html(made: list[Node]) -> str:
    """Write nodes down, as a page would build them."""
    return "".join(one if isinstance(one, str) else _tag(one) for one in made)


def _tag(node: dict[str, Any]) -> str:
    start = f" start={node['start']}" if "start" in node else ""
    return f"<{node['tag']}{start}>{html(node['inside'])}</{node['tag']}>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (
            "a line\nand **one *more***",
            "<p>a line<br></br>and <strong>one <em>more</em></strong></p>",
        ),
        ("# Title\nbelow", "<p><strong>Title</strong></p><p>below</p>"),
        ("- a\n- `b`", "<ul><li>a</li><li><code>b</code></li></ul>"),
        ("1. a\n\nwhy\n\n2. b", "<ol><li>a</li></ol><p>why</p><ol start=2><li>b</li></ol>"),
        ("```py\n1 < 2\n```", "<pre><code>1 < 2\n</code></pre>"),
        ("> said\n\n---", "<blockquote><p>said</p></blockquote><hr></hr>"),
        ("2 * 3 * 4 &lt; ~~5~~", "<p>2 * 3 * 4 < <s>5</s></p>"),
    ],
)
def test_what_forms_text_becomes_elements(text: str, expected: str) -> None:
    assert html(nodes(text)) == expected


def test_a_table_is_one() -> None:
    table = "|a|b|\n|-|:-:|\n|1|2|"
    head, body = "<tr><th>a</th><th>b</th></tr>", "<tr><td>1</td><td>2</td></tr>"
    assert html(nodes(table)) == f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def test_links_pictures_and_markup_are_text() -> None:
    hostile = "<img src=x onerror=alert(1)> [here](http://evil) ![pic](http://evil/a) <http://a.b>"
    (paragraph,) = nodes(hostile)
    assert isinstance(paragraph, dict)
    assert "".join(paragraph["inside"]) == "<img src=x onerror=alert(1)> here pic http://a.b"
    assert nodes("<script>\nalert(1)\n</script>") == [
        {
            "tag": "p",
            "inside": [
                "<script>",
                {"tag": "br", "inside": []},
                "alert(1)",
                {"tag": "br", "inside": []},
                "</script>",
            ],
        }
    ]


def test_nesting_ends_somewhere_however_deep_a_text_goes() -> None:
    made, depth = nodes("> " * 5_000 + "deep"), 0
    while made:
        assert isinstance(made[0], dict)
        made, depth = made[0]["inside"], depth + 1
    assert depth == 100
