package client

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mockauth/mockauth/conformance/driver"
)

// Line is one thing that a driver was told or answered.
type Line struct {
	// Text is what it was; secrets are masked in it.
	Text string
	// Wrong is what is wrong with it; "": nothing.
	Wrong string
}

// Try lets a driver do everything once, and returns what was said. The error is
// about a driver that does not start, or has died.
func (s *Suite) Try(ctx context.Context) ([]Line, error) {
	r := s.Runner()
	defer r.Close(ctx)
	d, err := r.driver(ctx)
	if err != nil {
		return nil, err
	}
	about, _ := json.Marshal(d.About()) //nolint:errchkjson // texts only
	out := []Line{{Text: "→ start"}, {Text: "← ready " + string(about)}}
	st := r.stage(s.contract.Name + ".client.check")
	defer st.close()
	if err := st.open(setting{}); err != nil {
		return out, err
	}
	tell := func(steps ...driver.Step) error {
		t := st.task(steps)
		text, _ := json.Marshal(steps) //nolint:errchkjson // texts only
		out = append(out, Line{Text: fmt.Sprintf("→ run %d, new %t: %s", t.Seq, t.New, st.mask.Text(string(text)))})
		bounded, cancel := context.WithTimeout(ctx, s.o.Patience)
		defer cancel()
		st.marked = st.mark()
		report, err := d.Run(bounded, t)
		if err != nil {
			out = append(out, Line{Text: "← nothing that can be used", Wrong: st.mask.Text(err.Error())})
			return err
		}
		for i, r := range report.Steps {
			st.results = append(st.results, said{step: steps[min(i, len(steps)-1)], StepResult: r})
		}
		answer, _ := json.Marshal(report) //nolint:errchkjson // texts only
		l := Line{Text: "← " + st.mask.Text(string(answer))}
		switch {
		case report.Errored != nil:
			l.Wrong = "the driver failed: " + st.mask.Text(report.Errored.Message)
		case report.Skipped == nil && len(report.Steps) != len(steps):
			l.Wrong = fmt.Sprintf("%s were asked for, and %d are answered", plural(len(steps), "step"), len(report.Steps))
		case report.Skipped == nil:
			l.Wrong = st.wrongly(steps, report.Steps)
		}
		out = append(out, l, Line{Text: "  seen: " + lines(st.seen(st.marked))})
		return nil
	}
	plan := [][]driver.Step{{{Do: driver.Login}}, {{Do: driver.Call}, {Do: driver.Call, Parallel: 3}}}
	for _, action := range []string{driver.Renew, driver.Logout} {
		if d.About().Can(action) {
			plan = append(plan, []driver.Step{{Do: action}})
		}
	}
	plan = append(plan, []driver.Step{{Do: driver.Call}})
	for i, steps := range plan {
		if err := tell(steps...); err != nil {
			return out, err
		}
		seen, wrong := st.seen(0), &out[len(out)-2].Wrong
		switch {
		case *wrong != "":
		case i == 0 && !slices.ContainsFunc(seen, opened) && st.last() != "":
			*wrong = "the login did not work: " + st.last()
			return out, nil
		case i == 0 && !slices.ContainsFunc(seen, opened):
			*wrong = "it is ok, and no session was opened: is the base URL of the task used, and does login log in at once?"
			return out, nil
		case i == 1 && !slices.ContainsFunc(seen, called):
			*wrong = "no call with the session was seen: where new is false, the client of the run before goes on. It said: " + or(st.last(), "ok")
			return out, nil
		case i == len(plan)-1 && d.About().Can(driver.Logout) && st.last() == "" && !slices.ContainsFunc(st.seen(st.marked), called):
			*wrong = "a call after the logout is ok, and none was accepted: an error of the library has to be told"
		}
	}
	// Another world: a driver that keeps the address or the client of the first one
	// is of no use.
	if err := st.open(setting{turn: 1}); err != nil {
		return out, err
	}
	if err := tell(driver.Step{Do: driver.Login}); err != nil {
		return out, err
	}
	if wrong := &out[len(out)-2].Wrong; *wrong == "" && !slices.ContainsFunc(st.seen(0), opened) {
		*wrong = "this run has another base_url, and new is true: no session was opened there. Each new client has to be made with the base URL of its run. It said: " + or(st.last(), "ok")
	}
	return out, nil
}

// last is the error that the client told last; "": it told none.
func (s *stage) last() string {
	if len(s.results) == 0 || s.results[len(s.results)-1].OK {
		return ""
	}
	return s.mask.Text(s.results[len(s.results)-1].text())
}

// wrongly is what is wrong with results, beside what a schema can say.
func (s *stage) wrongly(steps []driver.Step, results []driver.StepResult) string {
	for i, step := range steps {
		r := results[i]
		switch {
		case step.Parallel > 1 && len(r.Each) != step.Parallel:
			return fmt.Sprintf("step %d was asked for %d times at once, and each has %d results", i+1, step.Parallel, len(r.Each))
		case !r.OK && r.Error == nil && len(r.Each) == 0:
			return fmt.Sprintf("step %d is not ok, and has no error", i+1)
		case r.OK && r.Error != nil:
			return fmt.Sprintf("step %d is ok, and has an error", i+1)
		}
	}
	return ""
}
