package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Most cases begin as others do: somebody logs in. In a world of a mock such a
// stem is carried out once; the world is kept as it is then, and each further case
// begins there, see Runner.enter.

// minShared is how many cases must begin with a stem for it to be kept: to keep it
// costs a call of the control API.
const minShared = 4

// maxStems bounds the stems that a world of a mock keeps.
const maxStems = 64

// kept is a stem as it was carried out, and what came of it.
type kept struct {
	name    string // of the checkpoint in the mock
	steps   int
	shadow  *shadow // never changed
	answers []*answer
	sent    []sent
	twice   string
}

// sprout is a step after a stem: where it leads to is told by what is done alone.
type sprout struct {
	stem    int
	request *request
	wait    time.Duration
	dead    *slot
}

// findStems numbers the stems that are worth keeping, in each case.
func findStems(cases []*Case) {
	roots := map[string]int{}
	stems := map[sprout]int{}
	number := func(x *Case) []int {
		root := settingsText(x.settings)
		if roots[root] == 0 {
			roots[root] = len(roots) + len(stems) + 1
		}
		at := roots[root]
		var path []int
		for _, st := range x.steps[:max(0, len(x.steps)-1)] {
			if st.parallel || st.settings != nil {
				break
			}
			key := sprout{at, st.request, st.wait, st.dead}
			if stems[key] == 0 {
				stems[key] = len(roots) + len(stems) + 1
			}
			at = stems[key]
			path = append(path, at)
		}
		return path
	}
	shared := map[int]int{}
	longest := map[int]int{} // of the stems that go on from one: by how many they are shared
	for _, x := range cases {
		x.stems = number(x)
		for _, s := range x.stems {
			shared[s]++
		}
	}
	for _, x := range cases {
		for i := 1; i < len(x.stems); i++ {
			longest[x.stems[i-1]] = max(longest[x.stems[i-1]], shared[x.stems[i]])
		}
	}
	for _, x := range cases {
		for i, s := range x.stems {
			if shared[s] < minShared || longest[s] == shared[s] {
				x.stems[i] = 0
			}
		}
	}
}

// settingsText tells settings apart.
func settingsText(settings map[string]any) string {
	if len(settings) == 0 {
		return ""
	}
	var out []string
	for k, v := range settings {
		out = append(out, fmt.Sprintf("%s=%s", k, show(v)))
	}
	slices.Sort(out)
	return strings.Join(out, "\x00")
}

// stem is the longest stem of a case that the scene keeps; nil: none.
func (s *scene) stem(c *Case) *kept {
	for _, number := range slices.Backward(c.stems) {
		if k := s.kept[number]; k != nil {
			return k
		}
	}
	return nil
}

// resume gives a case what a stem has brought about.
func (x *run) resume(k *kept) {
	x.shadow = k.shadow.fork()
	x.answers, x.sent, x.twice, x.done = slices.Clip(k.answers), slices.Clip(k.sent), k.twice, k.steps
}

// keepStem keeps the world as it is after some steps of a case, if others begin with
// them. A mock that cannot is not asked again. If it gave no answer, the world ends
// with the case: the call may arrive yet, and would turn the world back under the
// next one.
func (x *run) keepStem(ctx context.Context, steps int) {
	if x.world == nil || steps > len(x.c.stems) {
		return
	}
	number, s := x.c.stems[steps-1], x.r.scene(x.c.settings)
	if number == 0 || s.kept[number] != nil || s.full || x.r.whole {
		return
	}
	name := "stem-" + strconv.Itoa(number)
	if len(s.kept) >= maxStems {
		s.full = true
		return
	}
	if err := x.world.Control.Keep(ctx, name); err != nil {
		var refused *ControlError
		s.full, x.late = true, !errors.As(err, &refused)
		x.r.whole = x.r.whole || x.late
		return
	}
	if s.kept == nil {
		s.kept = map[int]*kept{}
	}
	s.kept[number] = &kept{name, steps, x.shadow.fork(), slices.Clip(x.answers), slices.Clip(x.sent), x.twice}
}
