package mockserver

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Banner prints what a person needs who has just started the server: for each
// system its base URL, who can log in, and a line to paste.
func (s *Server) Banner(w io.Writer, adminURL, token string) {
	for _, sys := range s.systems {
		fmt.Fprintf(w, "\n%s  %s\n", sys.name(), sys.contract.Title)
		for _, b := range sys.contract.BasePaths {
			fmt.Fprintf(w, "  base URL   %s%s\n", s.URL(), b)
		}
		for i, r := range accountLines(sys, 4) {
			label := "accounts"
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(w, "  %-9s  %s\n", label, r)
		}
		if line := s.curl(sys, s.URL()); line != "" {
			fmt.Fprintf(w, "  try        %s\n", line)
		}
	}
	all := "mockauth accounts"
	for _, sys := range s.systems {
		if !slices.Contains(specs.Systems(), sys.name()) {
			all = adminURL + "/systems" // that command lists the shipped ones
		}
	}
	fmt.Fprintf(w, "\ncontrol API  %s  (all accounts: %s)\n", adminURL, all)
	if token != "" {
		fmt.Fprintf(w, "its token    %s\n", token)
	}
}

// accountLines are the first records of the kinds that have secrets.
func accountLines(sys *system, limit int) []string {
	var out []string
	more := 0
	for _, r := range sys.world.Records {
		secret := false
		for name, f := range sys.contract.Record(r.Kind).Fields {
			secret = secret || f.Secret && r.Value[name] != nil
		}
		if !secret {
			continue
		}
		if len(out) == limit {
			more++
			continue
		}
		out = append(out, fmt.Sprintf("%s  (%s)", short(sys, r), r.Note))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// short is what a record logs in with: the fields that proofs look at.
func short(sys *system, r fixtures.Record) string {
	k := sys.contract.Record(r.Kind)
	var parts []string
	for _, name := range k.Order {
		f := k.Fields[name]
		if !k.Indexed[name] && !f.Secret {
			continue
		}
		if t, ok := value.Text(r.Value[name]); ok {
			if t == "" || strings.TrimSpace(t) != t {
				t = fmt.Sprintf("%q", t)
			}
			if len(t) > 60 {
				t = t[:57] + "..."
			}
			parts = append(parts, name+"="+t)
		}
	}
	return r.Kind + " " + strings.Join(parts, " ")
}

// WriteAccounts prints every record of the demo worlds: what it is for, and
// with which values.
func (s *Server) WriteAccounts(w io.Writer, asJSON bool) error {
	type account struct {
		System string         `json:"system"`
		Kind   string         `json:"kind"`
		For    string         `json:"for"`
		Value  map[string]any `json:"value"`
	}
	var all []account
	for _, sys := range s.systems {
		for _, r := range sys.world.Records {
			all = append(all, account{sys.name(), r.Kind, r.Note, r.Value})
		}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(all)
	}
	system, kind := "", ""
	for _, a := range all {
		if a.System != system {
			fmt.Fprintf(w, "%s\n", a.System)
			system, kind = a.System, ""
		}
		if a.Kind != kind {
			fmt.Fprintf(w, "  %s\n", a.Kind)
			kind = a.Kind
		}
		fmt.Fprintf(w, "    - %s\n", a.For)
		sys, err := s.system(a.System)
		if err != nil {
			return err
		}
		for _, name := range sys.contract.Record(a.Kind).Order {
			v, ok := a.Value[name]
			if !ok || v == nil {
				continue
			}
			t, isText := value.Text(v)
			if !isText {
				b, err := json.Marshal(v)
				if err != nil {
					return err
				}
				t = string(b)
			}
			if _, err := fmt.Fprintf(w, "        %s: %s\n", name, t); err != nil {
				return err
			}
		}
	}
	return nil
}
