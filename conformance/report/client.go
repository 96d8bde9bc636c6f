package report

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// OfClient reports whether a verdict is about a client, and not about a server.
func OfClient(v conformance.Verdict) bool {
	return slices.Contains(v.Labels, "client") && strings.HasSuffix(v.ID, ".client."+v.Outcome)
}

// aboutClient reports whether a whole result is about a client.
func aboutClient(r *conformance.Result) bool {
	return strings.HasPrefix(r.Again, "client ") || len(r.Verdicts) > 0 && OfClient(r.Verdicts[0])
}

// groupTitle is the heading of a group of behaviours.
func groupTitle(group string) string {
	switch group {
	case "exit":
		return "Exit status"
	case "wire":
		return "What it sends"
	case "understand":
		return "What it understands"
	case "life":
		return "The life of a session"
	case "trouble":
		return "Trouble"
	case "leaks":
		return "Leaks"
	}
	return or(shown(group), "Others")
}

// clientMatrix is behaviours by what the client is told to do: what ends in the
// name of an action shares a row with its like.
func clientMatrix(r *conformance.Result, anchors map[string]string) *matrix {
	m := &matrix{
		Title: "Behaviours", Narrow: true, Caption: "What came of each behaviour (rows), during each thing that a client does (columns)",
		Hint: "Each cell is what came of one case; it leads to it. What is about a session as a whole stands in the last column.",
	}
	actions := []string{"login", "call", "refresh", "logout"}
	const whole = "session"
	cells := map[string]map[string][]conformance.Verdict{} // by stem and action
	var stems []conformance.Verdict
	used := map[string]bool{}
	for _, b := range behaviours([]*conformance.Result{r}) {
		v, _ := verdictOf(r, b.name)
		stem, action := v.Outcome, whole
		if i := strings.LastIndexByte(stem, '.'); i > 0 && slices.Contains(actions, stem[i+1:]) && strings.Contains(stem[:i], ".") {
			stem, action = stem[:i], stem[i+1:]
		} else if group, rest, _ := strings.Cut(stem, "."); group == "wire" && slices.Contains(actions, rest) {
			stem, action = "wire", rest
		}
		if cells[stem] == nil {
			cells[stem] = map[string][]conformance.Verdict{}
			v.Outcome = stem
			stems = append(stems, v)
		}
		used[action] = true
		v, _ = verdictOf(r, b.name)
		cells[stem][action] = append(cells[stem][action], v)
	}
	for _, a := range append(actions, whole) {
		if used[a] {
			m.Columns = append(m.Columns, column{Outcome: a, Leaf: a})
		}
	}
	group := ""
	for i, v := range stems {
		line := row{Name: shown(v.Outcome), Said: shown(v.Title), Under: shown(v.Title)}
		if of := cells[v.Outcome]; len(of) > 1 {
			for a := range of {
				line.Under = strings.Replace(line.Under, " a "+a, " each", 1)
			}
			line.Said = line.Under
		}
		if g := groupTitle(v.Kind); i == 0 || g != group {
			group, line.Group = g, g
		}
		for _, c := range m.Columns {
			line.Cells = append(line.Cells, newCell(cells[v.Outcome][c.Outcome], anchors))
		}
		m.Rows = append(m.Rows, line)
	}
	return m
}
