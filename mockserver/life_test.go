package mockserver_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// life is how one token comes to be, is used and ends. The token is captured as
// "token"; the last step of use is the one that presents it.
type life struct {
	Token    string         `yaml:"token"`
	About    string         `yaml:"about"`
	Profile  string         `yaml:"profile"`
	Settings map[string]any `yaml:"settings"`
	Issue    []step         `yaml:"issue"`
	Use      []step         `yaml:"use"`
	Lifetime span           `yaml:"lifetime"` // from issue
	Cap      span           `yaml:"cap"`      // from issue, where something else cuts the lifetime
	Idle     span           `yaml:"idle"`     // since the last use
	Endless  bool           `yaml:"endless"`  // time does not end it
	Forget   span           `yaml:"forget"`   // from its end until nobody knows it
	Again    []step         `yaml:"again"`    // issues a younger one that takes its place
	Ends     []variant      `yaml:"ends"`     // what revokes it
	Keeps    []variant      `yaml:"keeps"`    // what leaves it alone
	Unending string         `yaml:"unending"` // why nothing revokes this kind
	// Dead is what a dead token is answered with where that is no refusal.
	Dead struct {
		Status  int    `yaml:"status"`
		Outcome string `yaml:"outcome"`
	} `yaml:"dead"`
}

type variant struct {
	About    string         `yaml:"about"`
	Profile  string         `yaml:"profile"`
	Settings map[string]any `yaml:"settings"`
	Steps    []step         `yaml:"steps"`
}

func livesOf(t *testing.T, system string) []life {
	t.Helper()
	var f struct {
		Lives []life `yaml:"lives"`
	}
	readYAML(t, "testdata/lives/"+system+".yaml", &f)
	return f.Lives
}

// Every token of every system is walked through its life in virtual time:
// issue, use, the second before its end, its end, the second after, revocation,
// reuse and replacement.
func TestEveryTokenLivesAndDiesAsItsContractSays(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, mockserver.System(system), mockserver.Seed(1))
			walked := &walks{ended: map[string]bool{}}
			for _, l := range livesOf(t, system) {
				t.Run(l.Token+"/"+l.About, func(t *testing.T) {
					walked.walk(t, server, system, l)
				})
			}
			walked.complete(t, server.Contract(system), livesOf(t, system))
		})
	}
}

func newServer(t testing.TB, options ...mockserver.Option) *mockserver.Server {
	t.Helper()
	s, err := mockserver.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type walks struct {
	ended map[string]bool // operations that were seen to end something
}

// walker begins lives, each in a world of its own.
type walker struct {
	t      *testing.T
	server *mockserver.Server
	system string
	life   life
	start  time.Time
}

func (w walker) born(profile string, settings map[string]any) *script {
	w.t.Helper()
	s := newScript(w.t, w.server, w.system)
	s.world.Clock().Freeze(w.start)
	s.set(w.life.Profile, w.life.Settings)
	s.set(profile, settings)
	s.play(w.life.Issue)
	if s.names["token"] == "" {
		w.t.Fatal("issue captures no token")
	}
	return s
}

// lives uses the token, which must be accepted.
func (w walker) lives(s *script, when string) {
	w.t.Helper()
	last := s.play(w.life.Use)
	if isRefusal(last.outcome) {
		w.t.Fatalf("%s: %s %s %s", when, last.op, last.outcome, last.why)
	}
}

// dead uses the token, which must be refused for the reason.
func (w walker) dead(s *script, reason, when string) {
	w.t.Helper()
	n := len(w.life.Use) - 1
	s.play(w.life.Use[:n])
	end := w.life.Use[n]
	end.Capture = nil
	r := s.one(end)
	if d := w.life.Dead; d.Outcome != "" {
		if r.outcome != d.Outcome || r.status != d.Status {
			w.t.Errorf("%s: answered %d %s, want %d %s", when, r.status, r.outcome, d.Status, d.Outcome)
		}
		return
	}
	if want := "token." + reason + "." + w.life.Token; r.outcome != want {
		w.t.Errorf("%s: outcome %s, want %s: %s", when, r.outcome, want, r.why)
	}
	if r.why == "" {
		w.t.Errorf("%s: the refusal does not say why", when)
	}
}

func isRefusal(outcome string) bool {
	for _, group := range []string{"request.", "token.", "credentials.", "record.", "limit.", "contract"} {
		if strings.HasPrefix(outcome, group) {
			return true
		}
	}
	return false
}

func (done *walks) walk(t *testing.T, server *mockserver.Server, system string, l life) {
	kind := server.Contract(system).Token(l.Token)
	if kind == nil {
		t.Fatalf("%s has no token %q", system, l.Token)
	}
	if len(l.Issue) == 0 || len(l.Use) == 0 {
		t.Fatal("a life needs issue and use")
	}
	// A token that is issued within a second ends by the whole one if it is a
	// JWT: no sooner than a second before, and no later than its lifetime.
	for _, start := range []time.Time{midnight, midnight.Add(400 * time.Millisecond)} {
		w := walker{t, server, system, l, start}
		w.lives(w.born("", nil), "at once")
		for _, end := range []span{l.Lifetime, l.Cap, l.Idle} {
			if end > 0 {
				w.endsAt(time.Duration(end))
			}
		}
	}
	w := walker{t, server, system, l, midnight}
	if l.Lifetime == 0 && l.Cap == 0 && l.Idle == 0 && !l.Endless {
		t.Error("say lifetime, cap, idle or endless")
	}
	if l.Endless {
		s := w.born("", nil)
		s.world.Clock().Advance(100 * 365 * 24 * time.Hour)
		w.lives(s, "after a hundred years")
	}
	if l.Idle > 0 {
		w.keptAlive(time.Duration(l.Idle))
	}
	if life := time.Duration(l.Lifetime); life > 0 && !kind.Once {
		s := w.born("", nil)
		s.world.Clock().Advance(life / 2)
		w.lives(s, "at half of its life")
		s.world.Clock().Advance(life - life/2)
		w.dead(s, "expired", "use must not make it longer: at its end")
	}
	if l.Forget > 0 {
		end := time.Duration(l.Lifetime) + time.Duration(l.Forget)
		for _, c := range []struct {
			at     time.Duration
			reason string
		}{{end - time.Second, "expired"}, {end, "unknown"}, {end + time.Second, "unknown"}} {
			s := w.born("", nil)
			s.world.Clock().Advance(c.at)
			w.dead(s, c.reason, "swept: after "+c.at.String())
		}
	}
	if kind.Once {
		s := w.born("", nil)
		w.lives(s, "the first use")
		w.dead(s, "consumed", "the second use")
		s.world.Clock().Advance(time.Second)
		w.dead(s, "consumed", "a later use")
	}
	if l.Again != nil {
		s := w.born("", nil)
		s.play(l.Again)
		w.dead(s, "replaced", "after a younger one was issued")
	}
	for _, v := range l.Ends {
		s := w.born(v.Profile, v.Settings)
		before := len(s.world.Journal())
		s.play(v.Steps)
		for _, e := range s.world.Journal()[before:] {
			done.ended[e.Operation] = true
		}
		w.dead(s, "revoked", v.About)
		s.world.Clock().Advance(-time.Second)
		w.dead(s, "revoked", v.About+", and the clock is set back")
	}
	for _, v := range l.Keeps {
		s := w.born(v.Profile, v.Settings)
		s.play(v.Steps)
		w.lives(s, v.About)
	}
}

// endsAt walks the three instants at the end of a life.
func (w walker) endsAt(end time.Duration) {
	w.t.Helper()
	s := w.born("", nil)
	s.world.Clock().Advance(end - time.Second)
	w.lives(s, "a second before its end")
	s = w.born("", nil)
	s.world.Clock().Advance(end)
	w.dead(s, "expired", "at the instant of its end")
	w.dead(s, "expired", "at its end, again")
	s = w.born("", nil)
	s.world.Clock().Advance(end + time.Second)
	w.dead(s, "expired", "a second after its end")
}

// keptAlive holds that a use makes an idle time begin anew.
func (w walker) keptAlive(idle time.Duration) {
	w.t.Helper()
	s := w.born("", nil)
	for range 4 {
		s.world.Clock().Advance(idle / 2)
		w.lives(s, "used at half of its idle time")
	}
	s.world.Clock().Advance(idle - time.Second)
	w.lives(s, "used a second before its idle time was over")
	s.world.Clock().Advance(idle)
	w.dead(s, "expired", "not used for its idle time")
	w.dead(s, "expired", "a refused use must not wake it")
}

// complete refuses a data file that leaves something of the contract out.
func (done *walks) complete(t *testing.T, c *specs.Contract, lives []life) {
	t.Helper()
	for _, k := range c.Tokens {
		of := slices.DeleteFunc(slices.Clone(lives), func(l life) bool { return l.Token != k.Name })
		has := func(want bool, what string, f func(life) bool) {
			if want && !slices.ContainsFunc(of, f) {
				t.Errorf("the token %q has %s, and no life walks it", k.Name, what)
			}
		}
		lifetime := k.Lifetime != nil
		for _, op := range c.Operations {
			for _, i := range op.Issues {
				lifetime = lifetime || i.Token == k && i.Lifetime != nil
			}
		}
		has(true, "a kind of its own", func(life) bool { return true })
		has(lifetime, "a lifetime", func(l life) bool { return l.Lifetime > 0 })
		has(len(k.Caps) > 0, "a cap", func(l life) bool { return l.Cap > 0 })
		has(k.Idle != nil, "an idle time", func(l life) bool { return l.Idle > 0 })
		has(k.Forget != nil, "an end of its record", func(l life) bool { return l.Forget > 0 })
		has(k.Limit != nil && k.Limit.Replace, "a limit", func(l life) bool { return l.Again != nil })
		has(true, "revocation", func(l life) bool { return len(l.Ends) > 0 || l.Unending != "" })
		for _, l := range of {
			if l.Unending == "" {
				continue
			}
			for _, op := range c.Operations {
				if len(op.Ends) > 0 && accepts(op, k.Name) {
					t.Errorf("the token %q is said to have no end, and %s takes it and ends something", k.Name, op.ID)
				}
			}
		}
	}
	for _, op := range c.Operations {
		if len(op.Ends) > 0 && !done.ended[op.ID] {
			t.Errorf("%s ends something, and no life walks it", op.ID)
		}
	}
}

// accepts reports whether an operation takes a token of the kind.
func accepts(op *specs.Operation, kind string) bool {
	var takes func(p *specs.Proof) bool
	takes = func(p *specs.Proof) bool {
		for _, b := range slices.Concat(p.Binds, p.May) {
			for _, a := range b.Alts {
				if a.Kind == specs.FindToken && a.Token == kind {
					return true
				}
			}
		}
		return slices.ContainsFunc(p.Also, takes)
	}
	for _, alt := range op.Security {
		if slices.ContainsFunc(alt, takes) {
			return true
		}
	}
	return slices.ContainsFunc(op.Accepts, takes)
}
