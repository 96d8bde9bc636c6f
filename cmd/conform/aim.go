package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/config"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/specs"
)

// all, in place of a system, is every system that a mock of ours serves.
const all = "all"

// aimFlags say which server is meant, and as what.
type aimFlags struct {
	url, config, profile string
	settings, headers    []string
	ca, controlToken     string
	timeout              time.Duration
	// before are settings of an earlier run, below those of the flags.
	before map[string]any
}

func (f *aimFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "url", "", "`URL` of the server: scheme, host and port, and what stands before the documented paths")
	fl.StringVar(&f.config, "config", "", "target `FILE`: accounts, capabilities, budgets; conform init begins one")
	fl.StringVar(&f.profile, "profile", "", "`NAME` of the contract's profile that the server has; several are joined by +")
	fl.StringArrayVar(&f.settings, "set", nil, "a setting of the contract as the server has it, as `KEY=VALUE`")
	fl.StringVar(&f.ca, "ca", "", "PEM `FILE` of certificates to trust, for a server with its own")
	fl.StringArrayVar(&f.headers, "header", nil, "a header to send with each request, as `NAME: VALUE`, for a gateway in between")
	fl.DurationVar(&f.timeout, "timeout", 0, "`DURATION` after which one request is given up (default 10s)")
	fl.StringVar(&f.controlToken, "control-token", "", "`TOKEN` of the control API, for a mock of ours that wants one")
}

// aim is one system of one server.
type aim struct {
	contract *specs.Contract
	target   *conformance.Target
	file     *config.File // nil: there is none
	// argument is what named the contract on the command line, or "".
	argument string
	// ours: the server is a mock of ours, or will be.
	ours bool

	planned *conformance.Plan
}

// plan plans the cases, once.
func (x *aim) plan() (*conformance.Plan, error) {
	p, err := x.made()
	if err != nil {
		return nil, exit{exitUsage, fmt.Errorf("%s: %w", x.contract.Name, err)}
	}
	return p, nil
}

// made is plan, and the error does not say which system it is about.
func (x *aim) made() (*conformance.Plan, error) {
	if x.planned == nil {
		p, err := conformance.NewPlan(x.contract, x.target)
		if err != nil {
			return nil, err
		}
		x.planned = p
	}
	return x.planned, nil
}

// again are the flags that name the same target again, as a shell reads them, for
// a command about one case. What may be a secret is not among them: headers,
// tokens, and settings that the contract calls secret.
func (x *aim) again(f aimFlags) string {
	var out []string
	add := func(flag, v string) {
		if v != "" {
			out = append(out, flag, report.Quoted(v))
		}
	}
	add("--config", f.config)
	add("--url", f.url)
	if f.config == "" && x.argument != "" && !shipped(x.contract) {
		add("--contract", x.argument)
	}
	add("--profile", f.profile)
	for _, s := range f.settings {
		name, _, _ := strings.Cut(s, "=")
		if setting := x.contract.Setting(name); setting == nil || !setting.Secret {
			add("--set", s)
		}
	}
	add("--ca", f.ca)
	return strings.Join(out, " ")
}

// listed is the command that lists the cases of the same target.
func (x *aim) listed(f aimFlags) string {
	switch {
	case f.config != "":
		return "conform list --config " + report.Quoted(f.config)
	case f.url != "":
		return "conform list " + report.Quoted(cmp.Or(x.argument, x.contract.Name)) + " --url " + report.Quoted(f.url)
	}
	return "conform list " + report.Quoted(cmp.Or(x.argument, x.contract.Name))
}

// contract loads what an argument names: a shipped system, or a file or folder.
func contract(argument string) (*specs.Contract, error) {
	if slices.Contains(specs.Systems(), argument) {
		return specs.System(argument)
	}
	if _, err := os.Stat(argument); err != nil && !strings.ContainsAny(argument, `/\.`) {
		return nil, fmt.Errorf("there is no system %q; %s\nA contract of your own is a file or a folder: ./%s", argument, specs.DidYouMean(argument, append(specs.Systems(), all)), argument)
	}
	return specs.Load(argument)
}

// aims are the systems that arguments and flags mean. Without a URL they are
// planned against the demo world, if that will do.
func (a *app) aims(ctx context.Context, args []string, f aimFlags, demo bool) ([]*aim, error) {
	base, err := f.target()
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	if f.config != "" {
		x, err := a.configured(ctx, args, f, base)
		if err != nil {
			return nil, err
		}
		return []*aim{x}, nil
	}
	if f.url == "" && !demo {
		return nil, exit{exitUsage, errors.New("which server? --url says where it is; or --config names a file that does (conform init begins one)")}
	}
	systems := slices.Clone(args)
	if len(systems) == 0 || slices.Contains(systems, all) {
		if systems, err = a.everything(ctx, systems, base); err != nil {
			return nil, err
		}
	}
	if len(systems) > 1 && (f.profile != "" || len(f.settings) > 0) {
		return nil, exit{exitUsage, fmt.Errorf("--profile and --set are about one system, and these are %d: %s. Name one", len(systems), strings.Join(systems, ", "))}
	}
	out := make([]*aim, len(systems))
	err = sideBySide(len(systems), func(i int) error {
		c, err := contract(systems[i])
		if err != nil {
			return exit{exitUsage, err}
		}
		t := *base
		t.Headers = base.Headers.Clone()
		out[i] = &aim{contract: c, target: &t, argument: systems[i]}
		return a.complete(ctx, out[i], f, base)
	})
	return out, err
}

// sideBySide does something for each of n systems, as many at once as there are
// processors, and returns the error of the first that has one.
func sideBySide(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			errs[i] = do(i)
			<-free
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// configured is the one system that a target file is about.
func (a *app) configured(ctx context.Context, args []string, f aimFlags, base *conformance.Target) (*aim, error) {
	file, err := config.Load(f.config, a.lookupEnv)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	x := &aim{contract: file.Contract, target: file.Target, file: file}
	if len(args) == 1 {
		x.argument = args[0]
		if args[0] == all {
			return nil, exit{exitUsage, fmt.Errorf("%s is about %s; leave %q out", f.config, file.Contract.Name, all)}
		}
		c, err := contract(args[0])
		if err != nil {
			return nil, exit{exitUsage, err}
		}
		if c.Name != file.Contract.Name {
			return nil, exit{exitUsage, fmt.Errorf("%s is about %s, and you name %s; leave one of them out", f.config, file.Contract.Name, c.Name)}
		}
	}
	return x, a.complete(ctx, x, f, base)
}

// everything is all that the mock serves, or all shipped systems for the demo
// world.
func (a *app) everything(ctx context.Context, asked []string, base *conformance.Target) ([]string, error) {
	if len(asked) > 1 {
		return nil, exit{exitUsage, fmt.Errorf("%q is every system already; leave the others out", all)}
	}
	if base.URL == nil {
		if len(asked) == 0 {
			return nil, exit{exitUsage, fmt.Errorf("which system? One of: %s, a file of your own, or %s", strings.Join(specs.Systems(), ", "), all)}
		}
		return specs.Systems(), nil
	}
	client, err := conformance.NewClient(base, nil)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	defer client.Close()
	served, err := served(ctx, client, base)
	switch {
	case ctx.Err() != nil:
		return nil, exit{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return nil, exit{exitPreflight, fmt.Errorf("%s was not asked what it serves: %w\nName the system if it is no mock of ours: conform server SYSTEM --url %s; the systems are %s", base.URL.Redacted(), err, base.URL.Redacted(), strings.Join(specs.Systems(), ", "))}
	case len(served) == 0:
		return nil, exit{exitUsage, fmt.Errorf("which system? %s is no mock of ours, so it cannot be asked. One of: %s, or a file of your own", base.URL.Redacted(), strings.Join(specs.Systems(), ", "))}
	}
	return served, nil
}

// served is what a mock of ours says that it serves; nothing if the server is no
// such mock.
func served(ctx context.Context, client *conformance.Client, t *conformance.Target) ([]string, error) {
	u := *t.URL
	u.Path = strings.TrimSuffix(u.Path, "/") + conformance.ControlPath + "/health"
	u.RawQuery, u.Fragment = "", ""
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	reply, err := client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	var health struct {
		Status  string   `json:"status"`
		World   string   `json:"world"`
		Systems []string `json:"systems"`
	}
	if reply.Status == http.StatusOK && json.Unmarshal(reply.Body, &health) == nil && health.Status == "ok" && health.World != "" {
		return health.Systems, nil
	}
	return nil, nil
}

// complete lays the flags over a target, and then what a mock of ours says of
// itself.
func (a *app) complete(ctx context.Context, x *aim, f aimFlags, flags *conformance.Target) error {
	if err := f.over(x.target, flags, x.contract); err != nil {
		return exit{exitUsage, err}
	}
	if x.target.URL == nil {
		x.ours = true
		return a.demo(x)
	}
	t, ours, err := conformance.Discover(ctx, x.target, x.contract.Name)
	switch {
	case ctx.Err() != nil:
		return exit{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return exit{exitPreflight, err}
	}
	x.target, x.ours = t, ours
	if x.file == nil && !ours {
		// A server that nobody described is treated as a target file treats it that
		// says nothing.
		b := &x.target.Budgets
		b.WrongPasswords, b.Sessions, b.RequestsPerSecond = config.DefaultWrongPasswords, config.DefaultSessions, config.DefaultRequestsPerSecond
		x.target.Capabilities.Clock = conformance.ClockNone
	}
	return nil
}

// shipped reports whether a contract is one of ours, and not a file of its name.
func shipped(c *specs.Contract) bool {
	return slices.Contains(specs.Systems(), c.Name) && c.Doc.Name == c.Name+"/"+specs.ContractFile
}

// demo aims at the demo world of the contract, as a mock of ours has it.
func (a *app) demo(x *aim) error {
	world, err := fixtures.Of(x.contract)
	if err != nil {
		return exit{exitUsage, err}
	}
	t := x.target
	t.URL = &url.URL{Scheme: "http", Host: "mock.test"}
	if len(t.Records) == 0 {
		t.Records, t.Complete = map[string][]map[string]any{}, true
		for _, r := range world.Records {
			t.Records[r.Kind] = append(t.Records[r.Kind], r.Value)
		}
		t.Capabilities = conformance.Capabilities{Clock: conformance.ClockControl, SetSettings: true, Worlds: true, Writes: true, Exclusive: true}
	}
	return nil
}

// target is what the flags say of the server, whatever the system.
func (f *aimFlags) target() (*conformance.Target, error) {
	t := &conformance.Target{Profile: f.profile, CA: f.ca, ControlToken: f.controlToken}
	if f.url != "" {
		text := f.url
		if !strings.Contains(text, "://") {
			return nil, fmt.Errorf("--url is a URL with its scheme, not %q; try http://%s", text, text)
		}
		u, err := url.Parse(text)
		switch {
		case err != nil:
			return nil, errors.New("--url cannot be read as a URL; an example that works: https://staging.example:8443")
		case u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("--url is http or https, not %q", u.Scheme)
		case u.Host == "":
			return nil, fmt.Errorf("--url has no host: %q; an example that works: https://staging.example:8443", text)
		case u.User != nil:
			return nil, errors.New("--url holds a user or password; accounts stand in the target file, their secrets in variables or files (conform init begins one)")
		case u.RawQuery != "" || u.Fragment != "":
			return nil, errors.New("--url has a query or fragment; what stands before the documented paths is enough")
		}
		t.URL = u
	}
	if f.timeout < 0 {
		return nil, fmt.Errorf("--timeout is a length of time, not %s", f.timeout)
	}
	t.Budgets.Timeout = f.timeout
	for _, h := range f.headers {
		name, v, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, errors.New("--header is NAME: VALUE, such as X-Environment: staging")
		}
		if t.Headers == nil {
			t.Headers = http.Header{}
		}
		t.Headers[textproto.CanonicalMIMEHeaderKey(name)] = append(t.Headers[textproto.CanonicalMIMEHeaderKey(name)], strings.TrimSpace(v))
	}
	return t, nil
}

// over lays what the flags say over a target that a file described.
func (f *aimFlags) over(t, flags *conformance.Target, c *specs.Contract) error {
	if flags.URL != nil {
		t.URL = flags.URL
	}
	if f.profile != "" {
		t.Profile = f.profile
	}
	if f.ca != "" {
		t.CA = f.ca
	}
	if f.controlToken != "" {
		t.ControlToken = f.controlToken
	}
	if f.timeout > 0 {
		t.Budgets.Timeout = f.timeout
	}
	for name, v := range flags.Headers {
		if t.Headers == nil {
			t.Headers = http.Header{}
		}
		t.Headers[name] = v
	}
	if t.Profile != "" {
		if _, err := c.ProfileSettings(t.Profile); err != nil {
			return err
		}
	}
	var names []string
	for _, s := range c.Settings {
		names = append(names, s.Name)
	}
	if t.Settings == nil {
		t.Settings = map[string]any{}
	}
	for name, v := range f.before {
		if s := c.Setting(name); s != nil {
			typed, err := s.Parse(v)
			if err != nil {
				return fmt.Errorf("the earlier run: %w", err)
			}
			t.Settings[name] = typed
		}
	}
	for _, s := range f.settings {
		name, v, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("--set is KEY=VALUE, not %q", s)
		}
		setting := c.Setting(name)
		if setting == nil {
			return fmt.Errorf("%s has no setting %q; %s", c.Name, name, specs.DidYouMean(name, names))
		}
		var value any = v
		if v == "null" {
			value = nil
		}
		if _, err := setting.Parse(value); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
		t.Settings[name] = value
	}
	return nil
}
