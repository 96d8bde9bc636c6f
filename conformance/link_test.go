package conformance_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

// member is the value of a member of a mapping, or nil. An alias is what it stands
// for.
func member(n *yaml.Node, name string) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// words is all text below a node.
func words(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	out := n.Value
	for _, c := range n.Content {
		out += " " + words(c)
	}
	return out
}

// Whoever is shown a rule looks it up: what it is said to rest on stands there.
func TestTheEvidenceOfACaseStandsAtItsRule(t *testing.T) {
	for _, name := range specs.Systems() {
		t.Run(name, func(t *testing.T) {
			p, _ := against(t, name, func(b []byte) []byte { return b })
			n := 0
			for _, c := range p.Cases {
				if c.Unplanned != "" || strings.HasPrefix(c.Rule.Evidence, "law: ") || strings.Contains(c.Rule.Evidence, "the contract does not say") || strings.Contains(c.Rule.Evidence, "no source says it") {
					continue
				}
				n++
				e := member(p.Contract.Doc.At(c.Rule.Pointer), "evidence")
				if e == nil { // it points at the condition, or at what is ended
					e = member(p.Contract.Doc.At(c.Rule.Pointer[:strings.LastIndexByte(c.Rule.Pointer, '/')]), "evidence")
				}
				if e == nil || !strings.Contains(strings.ReplaceAll(words(e), ":", ""), strings.ReplaceAll(c.Rule.Evidence, ":", "")) {
					t.Errorf("%s: %s does not rest on %q", c.ID, c.Rule.Pointer, c.Rule.Evidence)
				}
			}
			if n == 0 {
				t.Error("there is no such case")
			}
		})
	}
}

// The entry that answers a refusal may leave its status and its text to a more
// general one, and yet it is the rule.
func TestTheRuleOfARefusalIsTheMostSpecialEntry(t *testing.T) {
	for id, want := range map[string]string{
		"jmap-cloud.refreshToken.token.consumed.refresh": "/x-session/tokens/refresh/failures/token.consumed",
		"saymon.deleteSession.token.missing.sid":         "/x-session/tokens/sid/failures/token.missing",
	} {
		system, _, _ := strings.Cut(id, ".")
		p, _ := against(t, system, func(b []byte) []byte { return b })
		var c *conformance.Case
		for _, x := range p.Cases {
			if x.ID == id {
				c = x
			}
		}
		if c == nil {
			t.Fatalf("there is no case %s", id)
		}
		if at := p.Contract.Doc.At(want); at == nil || c.Rule.Pointer != want || c.Rule.Line != at.Line {
			t.Errorf("%s: %+v", id, c.Rule)
		}
	}
}
