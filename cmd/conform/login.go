package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// logIn is how the doctor finds out whether the accounts are right: for each of them
// the shortest case that opens a session with it and sends no wrong password is
// carried out, and the session closed. A mock of ours knows its own; one will do
// there. Nil if there is none.
func (a *app) logIn(x *aim) func(context.Context) error {
	p, err := x.plan()
	if err != nil {
		return nil // the run will say so
	}
	cases := p.LogIns()
	switch {
	case len(cases) == 0:
		return nil
	case x.ours:
		cases = cases[:1]
	}
	return func(ctx context.Context) error {
		r, err := conformance.NewRunner(p, conformance.Options{})
		if err != nil {
			return err
		}
		defer r.Close(ctx)
		for _, c := range cases {
			if err := logsIn(r.Run(ctx, c)); err != nil {
				return err
			}
		}
		if none := r.Withheld(); len(none) > 0 {
			return &conformance.LogInNote{Said: fmt.Sprintf("but the answer of %s %s has no token %s where the contract has it", cases[0].Method, cases[0].Path, strings.Join(none, ", "))}
		}
		return nil
	}
}

// logsIn says what is wrong if a log-in was refused.
func logsIn(v conformance.Verdict) error {
	for _, e := range v.Exchanges {
		switch {
		case e.Response == nil:
			return errors.New(e.Error)
		case e.Response.Status == http.StatusUnauthorized, e.Response.Status == http.StatusForbidden,
			e.Response.Status >= 400 && v.Status != conformance.Passed:
			return fmt.Errorf("%s: %s %s answers %d%s", e.Purpose, e.Request.Method, e.Request.URL, e.Response.Status, beginning(e.Response.Body))
		}
	}
	return nil
}

// beginning is what an answer begins with, for a message.
func beginning(body string) string {
	text := strings.Join(strings.Fields(body), " ")
	if text == "" {
		return " without a body"
	}
	if r := []rune(text); len(r) > 120 {
		text = string(r[:119]) + "…"
	}
	return ": " + text
}
