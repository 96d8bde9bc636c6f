package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/config"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// variables are those that the good file names.
func variables(name string) (string, bool) {
	v, ok := map[string]string{
		"STAGING_PASSWORD": "hunter22", "STAGING_URL": "https://staging.example.com/shop",
		"STAGING_GATEWAY": "Bearer gate-key", "STAGING_PROXY": "http://me:proxypass@proxy.example.com:3128",
	}[name]
	return v, ok
}

func nothing(string) (string, bool) { return "", false }

func TestATargetFileSaysEverything(t *testing.T) {
	t.Parallel()
	f, err := config.Load("testdata/good.yaml", variables)
	if err != nil {
		t.Fatal(err)
	}
	x := f.Target
	if f.Contract.Name != "wedia" || x.URL.String() != "https://staging.example.com/shop" || x.BasePath == nil || *x.BasePath != "/app" || !f.Strict {
		t.Errorf("%+v, %+v", f, x)
	}
	wantRecords := map[string][]map[string]any{"user": {
		{"login": "jane.doe", "password": "hunter22"},
		{"login": "john.roe", "password": "from-a-file"},
	}}
	if !reflect.DeepEqual(x.Records, wantRecords) || x.Complete {
		t.Errorf("records %v", x.Records)
	}
	if want := map[string]any{"tokenShortLifeTime": 20 * time.Second, "sessionAuth": true}; !reflect.DeepEqual(x.Settings, want) {
		t.Errorf("settings %v", x.Settings)
	}
	if want := (conformance.Capabilities{Clock: "wait", Writes: true, Exclusive: true, Without: []string{"wedia.logout", "cookie"}}); !reflect.DeepEqual(x.Capabilities, want) {
		t.Errorf("%+v", x.Capabilities)
	}
	if want := (conformance.Budgets{WrongPasswords: -1, RequestsPerSecond: 2.5, Wait: 90 * time.Second, Timeout: 30 * time.Second}); x.Budgets != want {
		t.Errorf("%+v", x.Budgets)
	}
	if !reflect.DeepEqual(x.Hosts, []string{"files.example.com:8443"}) || x.Headers.Get("X-Gateway") != "Bearer gate-key" || x.Headers.Get("X-Team") != "blue" || x.Proxy.Host != "proxy.example.com:3128" {
		t.Errorf("%+v", x)
	}
	if x.CA != filepath.Join("testdata", "ca.pem") || len(f.Known) != 1 || f.Known[0].ID != "wedia.signin.bearerMode" || f.KnownFile != filepath.Join("testdata", "known.yaml") {
		t.Errorf("%+v", f)
	}
	secrets := strings.Join(conformance.SecretsOf(f.Contract, x), " ")
	for _, s := range []string{"hunter22", "from-a-file", "gate-key", "proxypass"} {
		if !strings.Contains(secrets, s) {
			t.Errorf("%s is not known as a secret: %s", s, secrets)
		}
	}
}

func TestTheDefaultsAreCareful(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("x.yaml", []byte("contract: wedia\nurl: https://staging.example.com\n"), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if want := (conformance.Capabilities{Clock: "none"}); !reflect.DeepEqual(f.Target.Capabilities, want) {
		t.Errorf("%+v", f.Target.Capabilities)
	}
	if want := (conformance.Budgets{WrongPasswords: 2, Sessions: 500, RequestsPerSecond: 20, Wait: 5 * time.Minute, Timeout: 10 * time.Second}); f.Target.Budgets != want {
		t.Errorf("%+v", f.Target.Budgets)
	}
}

// Each file in testdata/wrong has what is wrong with it beside it.
func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		_, err := config.Load(file, nothing)
		if err == nil {
			t.Errorf("%s loads", file)
			continue
		}
		for _, secret := range []string{"hunter2", "s3cret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the secret is in the error: %v", file, err)
			}
		}
		golden := strings.TrimSuffix(file, ".yaml") + ".txt"
		got := filepath.ToSlash(err.Error()) + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := config.Load("testdata/none.yaml", nothing); err == nil || !strings.Contains(err.Error(), "none.yaml cannot be read: no such file") {
		t.Error(err)
	}
	if _, err := config.LoadKnown("testdata/none.yaml"); err == nil || !strings.Contains(err.Error(), "none.yaml cannot be read") {
		t.Error(err)
	}
}

func TestAnEmptyPasswordIsNoSecret(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("x.yaml", []byte("contract: jmap-server\nurl: http://x\naccounts: {user: [{username: anonymous, password: ''}]}\n"), nothing)
	if err != nil || f.Target.Records["user"][0]["password"] != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

var reference = regexp.MustCompile(`\{env: ([A-Z0-9_]+)\}`)

// demo gives the variables of a template the values of the demo world.
func demo(t *testing.T, c *specs.Contract) func(string) (string, bool) {
	t.Helper()
	world, err := fixtures.System(c)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	number := map[string]int{}
	name := func(words ...string) string {
		return strings.ToUpper(regexp.MustCompile(`([a-z])([A-Z])|[^A-Za-z0-9]+`).ReplaceAllString(strings.Join(words, "_"), "${1}_${2}"))
	}
	for _, r := range world.Records {
		number[r.Kind]++
		for field, v := range r.Value {
			text, ok := value.Text(v)
			if !ok {
				continue
			}
			words := []string{c.Name, r.Kind}
			if n := number[r.Kind]; n > 1 {
				words = append(words, fmt.Sprint(n))
			}
			key := name(append(words, field)...)
			values[key] = text
		}
	}
	return func(name string) (string, bool) {
		if v, ok := values[name]; ok {
			return v, true
		}
		return "a-value", true
	}
}

func TestATemplateLoadsOnceItIsFilled(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		c, err := specs.System(system)
		if err != nil {
			t.Fatal(err)
		}
		text := config.Template(c)
		f, err := config.Parse(system+".yaml", text, demo(t, c))
		if err != nil {
			t.Errorf("%s: %v", system, err)
			continue
		}
		if f.Contract.Name != system || len(f.Target.Records) == 0 || len(conformance.SecretsOf(f.Contract, f.Target)) == 0 {
			t.Errorf("%s: %+v", system, f.Target)
		}
		// Without the variables each of them is named.
		_, err = config.Parse(system+".yaml", text, nothing)
		var findings specs.Findings
		if !errors.As(err, &findings) {
			t.Errorf("%s: %v", system, err)
			continue
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if m := reference.FindStringSubmatch(line); m != nil && !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.Contains(err.Error(), m[1]+" is not set") {
				t.Errorf("%s: %s is not named", system, m[1])
			}
		}
		// So does all that is commented out, but for files that are not there.
		var kept []string
		for line := range strings.SplitSeq(string(text), "\n") {
			trimmed := strings.TrimLeft(line, " ")
			indent := line[:len(line)-len(trimmed)]
			rest, commented := strings.CutPrefix(trimmed, "#")
			switch {
			case !commented:
				kept = append(kept, line)
			case strings.HasPrefix(rest, "#"), strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "  "), strings.HasPrefix(rest, "ca:"), strings.HasPrefix(rest, "known:"), strings.HasPrefix(rest, "proxy:"):
			default:
				kept = append(kept, indent+rest)
			}
		}
		all, err := config.Parse(system+".yaml", []byte(strings.Join(kept, "\n")), demo(t, c))
		if err != nil {
			t.Errorf("%s, all of it: %v", system, err)
			continue
		}
		if len(all.Target.Settings) != len(c.Settings) {
			t.Errorf("%s: %d settings of %d", system, len(all.Target.Settings), len(c.Settings))
		}
		for _, s := range c.Settings {
			if !s.Secret && !reflect.DeepEqual(all.Target.Settings[s.Name], s.Default) {
				t.Errorf("%s: %s is %v, not %v", system, s.Name, all.Target.Settings[s.Name], s.Default)
			}
		}
		golden := filepath.Join("testdata", "template", system+".yaml")
		if *update {
			if err := os.WriteFile(golden, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || string(want) != string(text) {
			t.Errorf("%s: the template differs from %s", system, golden)
		}
	}
}
