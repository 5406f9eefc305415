"""Web pages as text: what is kept, what is left out, and that hostile pages cost little."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import readers
from ingest.readers import _html_depth, _html_text
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError


def page(folder: Path, html: str | bytes) -> Reading:
    path = folder / "page.html"
    path.write_bytes(html.encode() if isinstance(html, str) else html)
    return next(readers.read(path))


def test_menus_scripts_banners_and_footers_are_left_out(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        """<html><head><title>Radium</title><style>p{}</style><script>var x = "no"</script></head><body>
        <header><a href="/">Home no</a></header><nav><ul><li>Menu no</ul></nav>
        <div class="cookie-banner">We use cookies no</div><div id="toc">Contents no</div>
        <div class="site-breadcrumbs">A > B no</div><div role="navigation">no</div>
        <main><h1>Radium</h1><p>It glows.</p><aside>Related no</aside><p hidden>no</p>
        <p style="display: none">no</p><form><input value="no"><button>Send no</button></form></main>
        <footer>Imprint no</footer></body></html>""",
    )
    assert found.text == "# Radium\n\nIt glows."


def test_a_class_name_does_not_drop_the_page_or_a_heading(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<div class='layout with-sidebar nav-open'><h2 class='anchorWithStickyNavbar'>Cookies</h2>"
        "<section id='cookies'><p>How we bake.</p></section>"
        "<div class='admonition note sidebar'>Mind.</div></div>",
    )
    assert found.text == "## Cookies\n\nHow we bake.\n\nMind."


def test_title_author_date_and_language_are_kept_as_metadata(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        """<html lang="de"><head><title>Das Radium | Lexikon</title><meta name="author" content="L. Meitner">
        <meta property="article:published_time" content="1938-12-17"><link rel="canonical" href="https://x.org/r">
        <meta name="description" content="Ein Element"></head><body><h1>Das Radium</h1><p>Es leuchtet.""",
    )
    assert found.title == "Das Radium"
    assert found.metadata == {
        "author": "L. Meitner",
        "date": "1938-12-17",
        "language": "de",
        "url": "https://x.org/r",
        "description": "Ein Element",
    }


def test_author_and_date_come_from_linked_data_too(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        '<script type="application/ld+json">{"@graph": [{"datePublished": "1898-12-26", "author": '
        '[{"name": "P. Curie"}, {"name": "M. Curie"}]}]}</script>'
        '<script type="application/ld+json">{</script><p>Text',
    )
    assert found.metadata == {"date": "1898-12-26", "author": "P. Curie, M. Curie"}


def test_headings_point_at_their_lines(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<h1>A  <em>b</em></h1><p>x</p><h2><a>C</a><br>d</h2><h3></h3><p>y</p><h2><code>f()</code></h2>z",
    )
    assert found.text == "# A b\n\nx\n\n## C d\n\ny\n\n## `f()`\n\nz"
    assert [(h.level, h.title) for h in found.headings] == [(1, "A b"), (2, "C d"), (2, "f()")]
    assert [found.text[h.start :].split("\n")[0] for h in found.headings] == ["# A b", "## C d", "## `f()`"]


def test_words_are_neither_glued_nor_torn(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<p>one<b>two</b> <i>three</i>\n four&nbsp;five<br>six</p><div>a</div><div>b</div>"
        "<p>10<sup>6</sup> H<sub>2</sub>O 1<sup>st</sup> fact<sup class='reference'>[1]</sup>, so&shy;lid",
    )
    assert found.text == "onetwo three four five\nsix\n\na\nb\n\n10^6 H2O 1st fact, solid"


def test_lists_are_kept_with_their_numbers_and_nesting(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<p>Before<ul><li>one<li><p>two</p><p>more</p><ol start=3><li>x<li>y</ol></ul><p>After"
        "<dl><dt>Radium<dd>an element</dl>",
    )
    assert found.text == ("Before\n\n- one\n- two\n  more\n  3. x\n  4. y\n\nAfter\n\nRadium\nan element")


def test_code_is_fenced_as_it_stands(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<p>Call <code>f(x)</code>:</p><div class='highlight-python'><pre>"
        "def f(x):\n    <b>return</b> x\n\n\n# end\n"
        "</pre></div><pre><code class='language-js'><span>a()</span><br><span>b()</span></code></pre>"
        "<pre>```\ninner\n```</pre><pre>  </pre>",
    )
    assert "Call `f(x)`:\n\n```python\ndef f(x):\n    return x\n\n\n# end\n```" in found.text
    assert "```js\na()\nb()\n```" in found.text
    assert found.text.endswith("````\n```\ninner\n```\n````")


def test_a_small_table_is_a_markdown_table(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<table><caption>Elements</caption><tr><th>Name<th>Year<tr><td>Radium<td>1898<br>Paris"
        "<tr><td rowspan=2>Pol|onium<td>1898<tr><td>again</table>",
    )
    assert found.text == (
        "Elements\n\n| Name | Year |\n| --- | --- |\n| Radium | 1898, Paris |\n| Pol\\|onium | 1898 |\n"
        "| Pol\\|onium | again |"
    )


def test_the_rows_of_a_long_table_name_their_columns(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>Person {n}<td>City {n}" for n in range(100))
    found = page(tmp_path, f"<table><tr><th>Name<th>Born in{rows}</table>")
    assert found.text.split("\n")[41] == "- Name: Person 41; Born in: City 41"


def test_a_box_of_facts_becomes_lines_with_their_keys(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<table><tr><th colspan=2>Duck<tr><td>Kingdom:<td>Animalia<tr><td>Class:<td>Aves"
        "<tr><th>Order<td>Anseriformes</table>",
    )
    assert found.text == "- Duck\n- Kingdom: Animalia\n- Class: Aves\n- Order: Anseriformes"


def test_a_table_that_lays_out_the_page_is_read_as_text(tmp_path: Path) -> None:
    found = page(tmp_path, "<table><tr><td><h1>Left</h1><p>a<td><table><tr><td>x<td>y</table></table>")
    assert found.text.startswith("# Left\n\na\n\n| x | y |")


def test_formulas_keep_their_source(tmp_path: Path) -> None:
    found = page(
        tmp_path,
        "<p>So <math><mi>E</mi><annotation encoding='application/x-tex'>E=mc^2</annotation></math> holds"
        ", and "
        "<math alttext='a+b'><mi>a</mi></math><span aria-hidden='true'>E=mc2</span>.",
    )
    assert found.text == "So $E=mc^2$ holds, and $a+b$."


@pytest.mark.parametrize(
    ("encoding", "declaration"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("cp1252", "<meta charset=iso-8859-1>"),
        ("koi8-r", '<meta http-equiv="content-type" content="text/html; charset=koi8-r">'),
    ],
)
def test_the_encoding_is_found_or_believed(tmp_path: Path, encoding: str, declaration: str) -> None:
    words = "Привет мир" if encoding == "koi8-r" else "Müller – Größe"
    assert page(tmp_path, f"{declaration}<p>{words}</p>".encode(encoding)).text == words


def test_a_page_that_scripts_fill_in_is_named_as_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocumentError, match="scripts"):
        page(tmp_path, "<html><title>App</title><body><div id=root></div><script>render()</script>")


@pytest.mark.parametrize(
    "tag", ["div", "span", "b id=1", "ul><li", "table><tr><td", "blockquote class=menu", "font"]
)
def test_tags_nested_100000_deep_are_read(tmp_path: Path, tag: str) -> None:
    assert "the end" in page(tmp_path, f"<{tag}>" * 100_000 + "the end").text


def test_deep_lists_do_not_blow_up_the_text(tmp_path: Path) -> None:
    source = "<ul><li>x" * 20_000
    found = page(tmp_path, source)
    assert found.text.count("x") == 20_000
    assert len(found.text) < 4 * len(source)


def test_depth_is_limited_without_losing_text_or_structure(tmp_path: Path) -> None:
    deep = "<div>" * 5000 + "deep" + "</div>" * 5000
    found = page(tmp_path, f"<h1>Top</h1>{deep}<h2>Below</h2><table><tr><th>a<th>b<tr><td>1<td>2</table>")
    assert found.text == "# Top\n\ndeep\n\n## Below\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    marks = "".join(
        f"<p><b id={n}>word{n}" for n in range(3000)
    )  # each paragraph opens all marks before it anew
    assert _html_depth.limit(marks).count("<b") < 20
    blown_up = page(tmp_path, marks)
    assert blown_up.text.split("\n\n") == [f"word{n}" for n in range(3000)]


TAGS = (
    "div p h1 h2 ul ol li table tr td th pre code a b sup br nav math section article header blockquote dl"
).split()
SOUP = st.lists(
    st.one_of(
        st.sampled_from(TAGS).map("<{}>".format),
        st.sampled_from(TAGS).map("</{}>".format),
        st.text("ab é1[]|`#\n<>&", max_size=6),
        st.sampled_from(
            ["<td colspan=3 rowspan=2>", "<!-- x -->", "<ol start=7>", "<p class=nav>", "&nbsp;"]
        ),
    ),
    max_size=40,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(SOUP)
def test_any_soup_of_tags_gives_clean_text_with_headings_in_place(soup: str) -> None:
    found = _html_text.render(soup)
    assert found.text == found.text.strip("\n")
    assert "\n\n\n" not in found.text or "<pre>" in soup
    starts = [heading.start for heading in found.headings]
    assert starts == sorted(set(starts))
    for heading in found.headings:
        assert found.text[heading.start :].startswith("#" * heading.level + " ")
        assert heading.start == 0 or found.text[heading.start - 1] == "\n"
        assert heading.title == heading.title.strip() != ""


@pytest.mark.parametrize(("html", "text"), [("<h2><li>one", "- one"), ("<h1>`</h1>two", "# `\n\ntwo")])
def test_what_is_no_heading_after_all_is_not_listed_as_one(tmp_path: Path, html: str, text: str) -> None:
    found = page(tmp_path, html)
    assert (found.text, found.headings) == (text, ())


@pytest.mark.parametrize("charset", ["utf-8", "no-such-code", "idna", "hex", "undefined"])
def test_a_wrong_declaration_is_not_believed(tmp_path: Path, charset: str) -> None:
    words = "Österreich ist schön, und die Größe der Straßen überrascht viele Gäste."
    assert page(tmp_path, f"<meta charset={charset}><p>{words}".encode("latin-1")).text == words


def test_characters_that_cannot_be_stored_are_replaced(tmp_path: Path) -> None:
    found = page(tmp_path, "<title>a&#xD800;b</title><p>x&#0;y&#xDFFF;z&#x1F986;\u200b")
    found.text.encode()
    assert found.text == "x\ufffdy\ufffdz🦆"
