// The driver lets `conform client` use the clients beside it: one JSON object a
// line on stdin and stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mockauth/mockauth/testdata/clients/go/crmcom"
	"github.com/mockauth/mockauth/testdata/clients/go/internal/wire"
	"github.com/mockauth/mockauth/testdata/clients/go/jmapcloud"
	"github.com/mockauth/mockauth/testdata/clients/go/longjump"
	"github.com/mockauth/mockauth/testdata/clients/go/wedia"
)

type step struct {
	Do       string `json:"do"`
	Parallel int    `json:"parallel"`
	Token    string `json:"token"`
}

type message struct {
	Cmd        string         `json:"cmd"`
	Seq        int            `json:"seq"`
	New        bool           `json:"new"`
	System     string         `json:"system"`
	BaseURL    string         `json:"base_url"`
	Kind       string         `json:"kind"`
	Account    map[string]any `json:"account"`
	Settings   map[string]any `json:"settings"`
	Steps      []step         `json:"steps"`
	DeadlineMS int64          `json:"deadline_ms"`
}

// text is a member of the account.
func (m *message) text(name string) string {
	s, _ := m.Account[name].(string)
	return s
}

type failure struct {
	Code    string `json:"code,omitempty"`
	HTTP    int    `json:"http,omitempty"`
	Message string `json:"message"`
	Login   bool   `json:"login,omitempty"`
}

type result struct {
	OK    bool     `json:"ok"`
	Error *failure `json:"error,omitempty"`
	Each  []result `json:"each,omitempty"`
}

// actions are what the steps call.
type actions map[string]func(context.Context, *message, step) error

// skipped is what a client cannot do.
type skipped string

func (s skipped) Error() string { return string(s) }

func systems() map[string]func(*message) (actions, error) {
	return map[string]func(*message) (actions, error){
		"jmap-cloud": cloud, "crmcom": crm, "longjump": jump, "wedia": media,
	}
}

func cloud(m *message) (actions, error) {
	c, err := jmapcloud.New(m.BaseURL, nil)
	return actions{
		"login": func(ctx context.Context, m *message, _ step) error {
			return c.Login(ctx, m.text("email"), m.text("password"))
		},
		"call": func(ctx context.Context, _ *message, _ step) error {
			_, err := c.Self(ctx)
			return err
		},
		"refresh": func(ctx context.Context, _ *message, _ step) error { return c.Refresh(ctx, "") },
		"logout":  func(ctx context.Context, _ *message, _ step) error { return c.Logout(ctx) },
		"resume":  func(ctx context.Context, _ *message, s step) error { return c.SetToken(ctx, s.Token) },
	}, err
}

func crm(m *message) (actions, error) {
	release, _ := m.Settings["tokenRelease"].(bool)
	z, _ := m.Settings["organizationSpelling"].(bool)
	c, err := crmcom.New(m.BaseURL, nil, crmcom.Options{Release: release, Organization: z})
	return actions{
		"login": func(ctx context.Context, m *message, _ step) error {
			if m.Kind == "key" && m.text("classification") == "SYSTEMIC_KEY" {
				return c.LoginWithKey(ctx, m.text("value"))
			}
			at, _ := m.Account["organisations"].([]any)
			if m.Kind != "user" || len(at) == 0 {
				return skipped("this client has no login with a " + m.Kind)
			}
			organisation, _ := at[0].(string)
			return c.Login(ctx, m.text("username"), m.text("password"), organisation, "")
		},
		"call": func(ctx context.Context, _ *message, _ step) error {
			_, err := c.Contact(ctx, "CI000111")
			return err
		},
		"logout": func(ctx context.Context, _ *message, _ step) error { return c.Logout(ctx) },
	}, err
}

func jump(m *message) (actions, error) {
	c, err := longjump.New(m.BaseURL, nil, longjump.XML)
	return actions{
		"login": func(ctx context.Context, m *message, _ step) error {
			return c.Login(ctx, m.text("username"), m.text("password"))
		},
		"call": func(ctx context.Context, _ *message, _ step) error {
			_, err := c.Info(ctx)
			return err
		},
		"logout": func(ctx context.Context, _ *message, _ step) error { return c.Logout(ctx) },
	}, err
}

func media(m *message) (actions, error) {
	mode := wedia.Cookies
	if allowed, told := m.Settings["allowJWTCookieAuth"].(bool); told && !allowed {
		mode = wedia.Bearer
	}
	c, err := wedia.New(m.BaseURL, nil, mode)
	return actions{
		"login": func(ctx context.Context, m *message, _ step) error {
			if m.Kind == "application" {
				return c.SigninApplication(ctx, m.text("name"), m.text("key"), m.text("secret"))
			}
			return c.Signin(ctx, m.text("login"), m.text("password"))
		},
		"call": func(ctx context.Context, _ *message, _ step) error {
			_, err := c.Whoami(ctx)
			return err
		},
		"refresh": func(ctx context.Context, _ *message, _ step) error { return c.Refresh(ctx) },
		"logout":  func(ctx context.Context, _ *message, _ step) error { return c.Signout(ctx) },
	}, err
}

func attempt(ctx context.Context, do actions, m *message, s step) (result, error) {
	err := do[s.Do](ctx, m, s)
	var no skipped
	if errors.As(err, &no) {
		return result{}, no
	}
	var e *wire.Error
	switch {
	case err == nil:
		return result{OK: true}, nil
	case errors.As(err, &e):
		return result{Error: &failure{Code: e.Code, HTTP: e.Status, Message: e.Error(), Login: e.Login}}, nil
	}
	return result{Error: &failure{Message: err.Error()}}, nil
}

func run(m *message, do actions) ([]result, error) {
	end := time.Now().Add(time.Duration(m.DeadlineMS) * time.Millisecond)
	var all []result
	for i, s := range m.Steps {
		if do[s.Do] == nil {
			return nil, skipped("this client has no " + s.Do)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Until(end)*85/100/time.Duration(len(m.Steps)-i))
		each, errs := make([]result, max(s.Parallel, 1)), make([]error, max(s.Parallel, 1))
		var wg sync.WaitGroup
		for i := range each {
			wg.Go(func() { each[i], errs[i] = attempt(ctx, do, m, s) })
		}
		wg.Wait()
		cancel()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if len(each) == 1 {
			all = append(all, each[0])
			continue
		}
		whole := result{OK: true, Each: each}
		for _, r := range each {
			whole.OK = whole.OK && r.OK
		}
		all = append(all, whole)
	}
	return all, nil
}

func main() {
	var do actions
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		var m message
		if err != nil || json.Unmarshal(line, &m) != nil || m.Cmd == "stop" {
			return
		}
		answer := map[string]any{"seq": m.Seq}
		begin := systems()[m.System]
		switch {
		case m.Cmd == "start":
			answer = ready(m.System)
		case begin == nil:
			answer["skipped"] = map[string]string{"message": "there is no client for " + m.System}
		default:
			if m.New || do == nil {
				do, err = begin(&m)
			}
			var results []result
			if err == nil {
				results, err = run(&m, do)
			}
			var no skipped
			switch {
			case errors.As(err, &no):
				answer["skipped"] = map[string]string{"message": no.Error()}
			case err != nil:
				answer["errored"] = map[string]string{"message": err.Error()}
			default:
				answer["steps"] = results
			}
		}
		if err := out.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}

func ready(system string) map[string]any {
	var names, does []string
	for name := range systems() {
		names = append(names, name)
	}
	if begin := systems()[system]; begin != nil {
		do, _ := begin(&message{BaseURL: "http://example.com"})
		for name := range do {
			does = append(does, name)
		}
	}
	slices.Sort(names)
	slices.Sort(does)
	client := map[string]string{"name": "go-" + system, "version": "1.0.0", "language": "Go"}
	return map[string]any{"ready": true, "protocol": 1, "client": client, "does": append([]string{}, does...), "systems": names}
}
