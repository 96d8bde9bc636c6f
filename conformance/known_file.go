package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/specs"
)

// knownWords are the members of an entry.
func knownWords() []string { return []string{"id", "reason", "ticket", "expires"} }

// ReadKnown reads a file of known failures: a YAML or JSON list of entries with
// id and reason, and perhaps ticket and expires (a date, the last day on which it
// holds). file is what errors call it. The error is specs.Findings, all at once
// and each with its line.
func ReadKnown(file string, data []byte) ([]KnownCase, error) {
	bad := func(code string, line int, message, fix string) specs.Finding {
		return specs.Finding{Code: code, File: file, Line: line, Message: message, Fix: fix}
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil // an empty file knows nothing
		}
		return nil, specs.Findings{bad("not-readable", 0, strings.TrimPrefix(err.Error(), "yaml: "), "")}
	}
	list := doc.Content[0]
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		return nil, nil
	}
	if list.Kind != yaml.SequenceNode {
		return nil, specs.Findings{bad("bad-type", list.Line, "a file of known failures is a list", "- id: the id of a case\n      reason: why it may fail")}
	}
	var out []KnownCase
	var findings specs.Findings
	seen := map[string]int{}
	for _, n := range list.Content {
		if n.Kind != yaml.MappingNode {
			findings = append(findings, bad("bad-type", n.Line, "an entry is a map", "id: and reason:"))
			continue
		}
		var k KnownCase
		given := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if !slices.Contains(knownWords(), key.Value) {
				findings = append(findings, bad("unknown-word", key.Line, fmt.Sprintf("an entry has no %q", key.Value), specs.DidYouMean(key.Value, knownWords())))
				continue
			}
			if given[key.Value] {
				findings = append(findings, bad("duplicate", key.Line, fmt.Sprintf("%q stands twice in one entry", key.Value), "leave one"))
			}
			given[key.Value] = true
			if value.Kind != yaml.ScalarNode {
				findings = append(findings, bad("bad-type", value.Line, fmt.Sprintf("%q is a text", key.Value), ""))
				continue
			}
			switch key.Value {
			case "id":
				k.ID = value.Value
			case "reason":
				k.Reason = value.Value
			case "ticket":
				k.Ticket = value.Value
			case "expires":
				day, err := time.Parse(time.DateOnly, value.Value)
				if err != nil {
					findings = append(findings, bad("bad-value", value.Line, fmt.Sprintf("expires is a date, not %q", value.Value), "expires: 2027-03-31"))
					continue
				}
				k.Expires = &day
			}
		}
		for _, word := range []string{"id", "reason"} {
			if value := map[string]string{"id": k.ID, "reason": k.Reason}[word]; strings.TrimSpace(value) == "" {
				findings = append(findings, bad("missing-word", n.Line, "an entry without "+word, map[string]string{
					"id": "conform list names the ids", "reason": "say why it may fail, for whoever reads this next year",
				}[word]))
			}
		}
		if first, twice := seen[k.ID]; twice && k.ID != "" {
			findings = append(findings, bad("duplicate", n.Line, fmt.Sprintf("%s stands twice, first in line %d", k.ID, first), "leave one"))
		}
		seen[k.ID] = n.Line
		out = append(out, k)
	}
	if len(findings) > 0 {
		return nil, findings
	}
	return out, nil
}

// WriteKnown is the text of a file of known failures.
func WriteKnown(known []KnownCase) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`# Known failures: cases that may fail, each with its reason, and perhaps a ticket
# and a last day (expires: 2027-03-31). A run fails when one of them passes, has
# expired or is no case any more, so that this list stays true.
`)
	if len(known) == 0 {
		b.WriteString("[]\n")
		return b.Bytes(), nil
	}
	type entry struct {
		ID      string `yaml:"id"`
		Reason  string `yaml:"reason"`
		Ticket  string `yaml:"ticket,omitempty"`
		Expires string `yaml:"expires,omitempty"`
	}
	entries := make([]entry, 0, len(known))
	for _, k := range known {
		e := entry{ID: k.ID, Reason: k.Reason, Ticket: k.Ticket}
		if k.Expires != nil {
			e.Expires = k.Expires.Format(time.DateOnly)
		}
		entries = append(entries, e)
	}
	w := yaml.NewEncoder(&b)
	w.SetIndent(2)
	if err := w.Encode(entries); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// Baseline is the list of known failures after a run: an entry for each case
// that fails. What an entry of before said stays, as long as its case fails or
// was not carried out; what passes goes. reason is what new entries say.
func Baseline(r *Result, before []KnownCase, reason string) []KnownCase {
	old := map[string]KnownCase{}
	for _, k := range before {
		old[k.ID] = k
	}
	judged := map[string]bool{}
	var out []KnownCase
	for _, v := range r.Verdicts {
		e, listed := old[v.ID]
		switch v.Status {
		case Failed, NotTestable, Known:
			if !listed {
				e = KnownCase{ID: v.ID, Reason: reason}
				if v.Known != nil {
					e = *v.Known
				}
			}
			out = append(out, e)
			judged[v.ID] = true
		case Passed, Fixed, Differs:
			judged[v.ID] = true
		default:
		}
	}
	// Cases of other systems, and those that a filter left out.
	for _, k := range before {
		if !judged[k.ID] {
			out = append(out, k)
		}
	}
	return out
}
