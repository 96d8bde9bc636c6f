package mockserver_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
)

func TestACheckpointBringsTheWorldBackAsItWas(t *testing.T) {
	p, m := startPanel(t)
	if _, err := m.NewWorld("lab", false); err != nil {
		t.Fatal(err)
	}
	at := func(name string) panel { return panel{t: t, root: p.root + "/w/" + name} }
	lab := at("lab")
	lab.must("POST", "/reset", `{"clock":{"freeze":"2026-01-01T00:00:00Z"},"settings":{"wedia":{"values":{"tokenShortLifeTime":"10m"}}}}`)
	token := lab.login()
	lab.must("POST", "/clock", `{"advance":"1m"}`)
	kept := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	lab.must("POST", "/checkpoints", `{"name":"in"}`)
	next := lab.login()
	lab.must("PUT", "/settings/wedia", `{"values":{"tokenShortLifeTime":"2s"}}`)
	lab.must("POST", "/failures", `{"system":"wedia","operation":"whoami","reason":"token.expired","times":5}`)
	lab.must("POST", "/faults", `{"do":"answer","status":500,"times":5}`)
	lab.must("POST", "/clock", `{"advance":"1h"}`)
	for _, turn := range []string{"lab@1~in", "lab@2~in", "lab@1~in"} {
		w := at(turn)
		w.accepts(token, "at "+turn)
		if v := w.setting("tokenShortLifeTime"); v != "10m0s" || !w.now().Equal(kept) {
			t.Errorf("at %s the setting is %v, and it is %s", turn, v, w.now())
		}
		if list := w.requests(""); len(list) != 1 || list[0].Number != 2 {
			t.Errorf("at %s the journal is %+v, want the one exchange, numbered after that of the checkpoint", turn, list)
		}
		w.refuses(next, "token.unknown.access", "issued after the checkpoint")
		w.must("POST", "/clock", `{"advance":"9m"}`)
		w.refuses(token, "token.expired.access", "ten minutes after it was issued")
	}
	if v := at("lab@3").setting("tokenShortLifeTime"); v != "10m0s" || !at("lab@3").now().Equal(kept.Add(-time.Minute)) {
		t.Errorf("a turn without a checkpoint begins with the setting %v at %s, not as the last reset did", v, at("lab@3").now())
	}
	lab.must("POST", "/reset", `{"checkpoint":"in","clock":{"advance":"8m"},"settings":{"wedia":{"values":{"tokenShortLifeTime":"3s"}}}}`)
	lab.accepts(token, "after a reset to the checkpoint")
	if v := lab.setting("tokenShortLifeTime"); v != "3s" || !lab.now().Equal(kept.Add(8*time.Minute)) {
		t.Errorf("over the checkpoint the setting is %v, and it is %s", v, lab.now())
	}
	at("lab@4").accepts(token, "at a turn that begins as that reset did")
	lab.must("POST", "/reset", `{"checkpoint":"in"}`)
	if again := lab.login(); again != next {
		t.Errorf("chance brings %s, after the checkpoint it brought %s", again, next)
	}
}

func TestAClockThatRanGoesOnFromTheCheckpoint(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"advance":"-48h"}`)
	token := p.login()
	p.must("POST", "/checkpoints", `{"name":"in"}`)
	p.must("POST", "/clock", `{"advance":"24h"}`)
	p.must("POST", "/reset", `{"checkpoint":"in"}`)
	p.accepts(token, "at the checkpoint")
	if off := time.Since(p.now().Add(48 * time.Hour)); off > time.Minute || off < -time.Minute {
		t.Errorf("the clock is %s off", off)
	}
	before := p.now()
	time.Sleep(2 * time.Millisecond)
	if !p.now().After(before) {
		t.Error("the clock stands")
	}
}

func TestACheckpointThatIsNotThereChangesNothing(t *testing.T) {
	p, m := startPanel(t)
	if _, err := m.NewWorld("lab", false); err != nil {
		t.Fatal(err)
	}
	lab := panel{t: t, root: p.root + "/w/lab"}
	token := lab.login()
	lab.must("POST", "/checkpoints", `{"name":"logged-in"}`)
	for _, name := range []string{"lab@1~loged-in", "lab@1~Logged In", "lab@1~logged-in~logged-in"} {
		s := panel{t: t, root: p.root + "/w/" + strings.ReplaceAll(name, " ", "%20")}.do("GET", "/__admin/health", "")
		if s.status != http.StatusNotFound || !strings.Contains(s.body, "no such checkpoint") || !strings.Contains(s.body, "logged-in") {
			t.Errorf("%s: %d %s, want 404 and the name that there is", name, s.status, s.body)
		}
	}
	lab.accepts(token, "after turns that could not be")
}

func TestCheckpointsInGo(t *testing.T) {
	m := mockserver.Start(t, mockserver.System("wedia"))
	w, err := m.NewWorld("", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Restore("in"); !errors.Is(err, mockserver.ErrNoCheckpoint) {
		t.Errorf("Restore: %v, want ErrNoCheckpoint", err)
	}
	for _, name := range []string{"in", "out", "in"} {
		if err := w.Keep(name); err != nil {
			t.Error(err)
		}
	}
	if got := w.Checkpoints(); !slices.Equal(got, []string{"in", "out"}) {
		t.Errorf("Checkpoints: %v", got)
	}
	if err := w.Restore("in"); err != nil {
		t.Error(err)
	}
	if !w.Forget("out") || w.Forget("out") {
		t.Error("Forget says that it is there, and then that it is not")
	}
	w.Reset()
	if got := w.Checkpoints(); !slices.Equal(got, []string{"in"}) {
		t.Errorf("after a reset: %v", got)
	}
	if err := w.Keep("In"); err == nil || !strings.Contains(err.Error(), "a-z") {
		t.Errorf("Keep: %v", err)
	}
}

func TestCheckpointsHoldNoMoreThanAWorldMay(t *testing.T) {
	m := mockserver.Start(t, mockserver.System("wedia"))
	w := m.Default()
	w.Fill("wedia", 600_000)
	if err := w.Keep("one"); err != nil {
		t.Fatal(err)
	}
	if err := w.Keep("two"); !errors.Is(err, mockserver.ErrTooManyCheckpoints) || !strings.Contains(err.Error(), "1200002") {
		t.Errorf("Keep: %v, want ErrTooManyCheckpoints and how many there would be", err)
	}
	if err := w.Keep("one"); err != nil {
		t.Errorf("in place of itself: %v", err)
	}
	w.Reset()
	if err := w.Keep("two"); err != nil {
		t.Errorf("an empty world: %v", err)
	}
}

func TestAResetCountsForTheTurnsAfterItHoweverManyTurnAtOnce(t *testing.T) {
	p, m := startPanel(t)
	w, err := m.NewWorld("lab", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Keep("in"); err != nil {
		t.Fatal(err)
	}
	lab := panel{t: t, root: p.root + "/w/lab"}
	turn := func(n int, then string) panel {
		return panel{t: t, root: fmt.Sprintf("%s@%d%s", lab.root, n, then)}
	}
	for n := range 100 {
		var turning sync.WaitGroup
		turning.Go(func() {
			for i := range 5 {
				turn(10*n+i, "~in").do("GET", "/__admin/health", "")
			}
		})
		at := time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)
		lab.must("POST", "/reset", `{"clock":{"freeze":"`+at.Format(time.RFC3339)+`"}}`)
		turning.Wait()
		if now := turn(10*n+9, "").now(); !now.Equal(at) {
			t.Fatalf("a turn begins at %s; the last reset was at %s", now, at)
		}
	}
}

func TestAKeptWorldSaysWhenItWasKept(t *testing.T) {
	p, _ := startPanel(t)
	said := p.do("POST", "/__admin/checkpoints", `{"name":"in"}`).body
	if list := p.do("GET", "/__admin/checkpoints", "").body; strings.TrimSpace(list) != "["+strings.TrimSpace(said)+"]" {
		t.Errorf("%s, and listed is %s", said, list)
	}
}

func TestATurnMayBeWrittenInPercentEncoding(t *testing.T) {
	p, m := startPanel(t)
	w, err := m.NewWorld("lab", false)
	if err != nil {
		t.Fatal(err)
	}
	lab := panel{t: t, root: p.root + "/w/lab"}
	token := lab.login()
	if err := w.Keep("in"); err != nil {
		t.Fatal(err)
	}
	w.Reset()
	panel{t: t, root: p.root + "/w/lab%401%7Ein"}.accepts(token, "in percent-encoding")
	if err := m.DeleteWorld("lab"); err != nil {
		t.Fatal(err)
	}
	if s := (panel{t: t, root: p.root + "/w/lab@1~in"}).do("GET", "/__admin/health", ""); !strings.Contains(s.body, `no world \"lab\"; make it`) {
		t.Errorf("of a world that is gone it is said: %s", s.body)
	}
}
