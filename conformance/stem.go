package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// Most cases begin as others do: somebody logs in. In a world of a mock such a
// stem is carried out once; the world is kept as it is then, and each further case
// begins there, see Runner.enter.

// maxStems bounds the stems that a world of a mock keeps, which keeps 100 at most:
// another one takes the place of that which was not begun with for longest.
const maxStems = 64

// kept is a stem as it was carried out, and what came of it.
type kept struct {
	name    string // of the checkpoint in the mock
	used    int    // the turn that began with it last
	steps   int
	shadow  *shadow // never changed
	answers []*answer
	sent    []sent
	twice   string
}

// sprout is a step after a stem: where it leads to is told by what is done alone.
type sprout struct {
	stem  int
	op    *wire.Operation
	media *specs.Media
	says  string
	wait  time.Duration
	dead  string
}

// findStems numbers the stems that are worth keeping, in each case: two cases at
// least begin with them, and do not go on alike.
func findStems(cases []*Case) {
	roots := map[string]int{}
	stems := map[sprout]int{}
	number := func(x *Case) []int {
		root := settingsText(x.settings)
		if roots[root] == 0 {
			roots[root] = len(roots) + len(stems) + 1
		}
		at := roots[root]
		x.root = at
		var path []int
		for _, st := range x.steps[:max(0, len(x.steps)-1)] {
			if st.parallel || st.settings != nil {
				break
			}
			key := sprout{stem: at, op: st.request.op, media: st.request.media, says: st.request.says(), wait: st.wait}
			if st.dead != nil {
				w := &words{}
				w.value(st.dead)
				key.dead = string(w.b)
			}
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
			if shared[s] < 2 || longest[s] == shared[s] {
				x.stems[i] = 0
			}
		}
	}
}

// path are the stems of a case that are kept, from its root.
func (c *Case) path() []int {
	return append([]int{c.root}, slices.DeleteFunc(slices.Clone(c.stems), func(s int) bool { return s == 0 })...)
}

// batches divides cases for runners that work side by side, so that those which
// begin alike follow each other on the same one, and the runners have enough to
// choose from. Each is in the order of the cases, and so are their firsts.
func batches(cases []*Case, runners int) [][]*Case {
	most := max(1, len(cases)/(8*max(1, runners)))
	size := map[int]int{}
	for _, x := range cases {
		for _, s := range x.path() {
			size[s]++
		}
	}
	var out [][]*Case
	open := map[int]int{} // the number of a stem's last batch, from 1
	for _, x := range cases {
		path := x.path()
		i := 0
		for i < len(path)-1 && size[path[i]] > most {
			i++
		}
		at := open[path[i]]
		if at == 0 || len(out[at-1]) >= most {
			out = append(out, nil)
			at = len(out)
			open[path[i]] = at
		}
		out[at-1] = append(out[at-1], x)
	}
	return out
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

// keepAs is the name under which the mock is to keep the world after so many steps
// of a case, if others begin with them; "": it is not.
func (x *run) keepAs(steps int) string {
	if x.world == nil || steps > len(x.c.stems) || !x.r.control.obeys() {
		return ""
	}
	number, s := x.c.stems[steps-1], &x.r.scene
	if number == 0 || s.kept[number] != nil || s.forgets {
		return ""
	}
	return s.place()
}

// place is a name for one more stem, "" if there is none. Whatever had it is not begun
// with any more.
func (s *scene) place() string {
	if s.named < maxStems {
		s.named++
		return "stem-" + strconv.Itoa(s.named)
	}
	oldest, name := 0, ""
	for number, k := range s.kept {
		if oldest == 0 || k.used < s.kept[oldest].used {
			oldest, name = number, k.name
		}
	}
	delete(s.kept, oldest)
	return name
}

// keepStem remembers what so many steps have brought about, if the mock says that it
// has kept the world. One that has not is not asked again.
func (x *run) keepStem(steps int, name string, reply *Reply) {
	s := &x.r.scene
	if reply.Header.Get(keepField) != name {
		s.forgets = true
		return
	}
	if s.kept == nil {
		s.kept = map[int]*kept{}
	}
	s.kept[x.c.stems[steps-1]] = &kept{name: name, used: s.turn, steps: steps, shadow: x.shadow.fork(), answers: slices.Clip(x.answers), sent: slices.Clip(x.sent), twice: x.twice}
}
