package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// Measures of the picture, in its own units: pixels where it is not scaled.
const (
	pictureRow   = 22
	pictureHead  = 84
	pictureCell  = 128
	pictureName  = 318 // of a behaviour
	pictureTitle = 520 // and what it is, where there is room
	pictureRim   = 16
	// withTitles is up to how many clients there is room for what a behaviour is.
	withTitles = 2
)

// pictureStyle has the colours of report.html.
const pictureStyle = `text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}` +
	`.p{fill:#fff}.n{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.t{fill:#59636e}.g{font-weight:600;font-size:13px}.h{font-weight:600}.m{text-anchor:middle}` +
	`.l{stroke:#d1d9e0;stroke-width:1}.c{fill:#eef1f4}.c.ok{fill:#dafbe1}.c.no{fill:#cf222e}.c.so{fill:#fff1c2}` +
	`.k{fill:#59636e;font-weight:600}.k.ok{fill:#116329}.k.no{fill:#fff}.k.so{fill:#7d4e00}` +
	`@media(prefers-color-scheme:dark){text{fill:#e6edf3}.p{fill:#0d1117}.t{fill:#9198a1}.l{stroke:#3d444d}.c{fill:#21262d}.c.ok{fill:#12361f}.c.no{fill:#b62324}.c.so{fill:#4d3800}` +
	`.k{fill:#9198a1}.k.ok{fill:#56d364}.k.no{fill:#fff}.k.so{fill:#e3b341}}`

// picture is an SVG under way.
type picture struct{ strings.Builder }

func escaped(s string) string { return html.EscapeString(shown(s)) }

// text writes a text, and what shows when a pointer rests on it.
func (p *picture) text(x, y int, class, s, hover string) {
	fmt.Fprintf(p, `<text x="%d" y="%d"`, x, y)
	if class != "" {
		fmt.Fprintf(p, ` class="%s"`, class)
	}
	fmt.Fprintf(p, `>%s%s</text>`+"\n", escaped(s), hovering(hover))
}

func hovering(s string) string {
	if s == "" {
		return ""
	}
	return "<title>" + escaped(clip(s, longestCell)) + "</title>"
}

// cell writes one cell of a client.
func (p *picture) cell(x, y int, v conformance.Verdict) {
	m := markOf(v.Status)
	fmt.Fprintf(p, `<g>%s<rect x="%d" y="%d" width="%d" height="%d" rx="4" class="c %s"/><text x="%d" y="%d" class="m k %s">%s</text></g>`+"\n",
		hovering(m.Word+": "+proof(v)), x+3, y+2, pictureCell-6, pictureRow-4, m.Class, x+pictureCell/2, y+15, m.Class, m.Symbol)
}

// head writes the name of a client above its column, in two lines at most.
func (p *picture) head(x int, r *conformance.Result) {
	first, second := shown(or(r.Target, "client")), ""
	if i := strings.LastIndexByte(clip(first, 19), ' '); len([]rune(first)) > 18 && i > 0 {
		first, second = first[:i], first[i+1:]
	}
	y := 22
	for _, line := range []string{clip(first, 18), clip(second, 18)} {
		if line != "" {
			p.text(x, y, "h m", line, clientName(r))
			y += 16
		}
	}
	p.text(x, y, "m t", clip(or(r.System, "contract"), 20), "")
	c := r.Counts()
	p.text(x, pictureHead-12, "m t", fmt.Sprintf("%d ✓  %d ✗", c[conformance.Passed], c[conformance.Failed]), totals(r))
}

// BehavioursSVG is Behaviours as a picture, light or dark as the reader has it. A
// cell's proof shows when a pointer rests on it.
func BehavioursSVG(w io.Writer, results []*conformance.Result) error {
	results = allLegal(results)
	left := pictureRim + pictureName
	if len(results) <= withTitles {
		left += pictureTitle
	}
	width := left + len(results)*pictureCell + pictureRim
	var p picture
	for i, r := range results {
		p.head(left+i*pictureCell+pictureCell/2, r)
	}
	y := pictureHead
	group, first := "", true
	for _, row := range behaviours(results) {
		if row.group != group || first {
			group, first = row.group, false
			y += 10
			p.text(pictureRim, y+15, "g", groupTitle(group), "")
			y += pictureRow
			fmt.Fprintf(&p, `<line x1="%d" y1="%d" x2="%d" y2="%d" class="l"/>`+"\n", pictureRim, y, width-pictureRim, y)
			y += 2
		}
		p.text(pictureRim, y+15, "n", clip(row.name, 44), row.title)
		if len(results) <= withTitles {
			p.text(pictureRim+pictureName, y+15, "t", clip(row.title, 78), row.title)
		}
		for i, r := range results {
			if v, ok := verdictOf(r, row.name); ok {
				p.cell(left+i*pictureCell, y, v)
			}
		}
		y += pictureRow
	}
	y += 12
	x := pictureRim
	for _, m := range legend(results) {
		fmt.Fprintf(&p, `<rect x="%d" y="%d" width="28" height="18" rx="4" class="c %s"/><text x="%d" y="%d" class="m k %s">%s</text>`+"\n", x, y, m.Class, x+14, y+13, m.Class, m.Symbol)
		p.text(x+34, y+13, "t", m.Word, "")
		x += 54 + 7*len(m.Word)
	}
	width = max(width, x+pictureRim)
	height := y + 18 + pictureRim
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="behaviours of clients">
<style>%s</style>
<rect width="100%%" height="100%%" class="p"/>
%s</svg>
`, width, height, width, height, pictureStyle, p.String())
	return err
}

// Badge writes a small picture that says how many behaviours passed, of those
// that apply.
func Badge(w io.Writer, results []*conformance.Result) error {
	passed, known, failed := 0, 0, 0
	for _, r := range allLegal(results) {
		c := r.Counts()
		passed += c[conformance.Passed] + c[conformance.Differs]
		known += c[conformance.Known]
		failed += c[conformance.Failed] + c[conformance.NotTestable] + c[conformance.Fixed] + c[conformance.Interrupted]
	}
	left, right, colour := "client behaviour", fmt.Sprintf("%d of %d", passed, passed+known+failed), "#1a7f37"
	switch {
	case failed > 0:
		colour = "#cf222e"
	case known > 0:
		colour = "#9a6700"
	case passed == 0:
		right, colour = "nothing checked", "#59636e"
	}
	a, b := 7*len(left)+8, 7*len(right)+12
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s">
<title>%[4]s: %[5]s</title>
<clipPath id="r"><rect width="%[1]d" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="%[2]d" height="20" fill="#3d444d"/><rect x="%[2]d" width="%[3]d" height="20" fill="%[6]s"/></g>
<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"><text x="%[7]d" y="14">%[4]s</text><text x="%[8]d" y="14">%[5]s</text></g>
</svg>
`, a+b, a, b, left, right, colour, a/2, a+b/2)
	return err
}
