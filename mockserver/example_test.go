package mockserver_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
)

// A client logs in, uses its token, and learns 20 minutes later that it has
// expired. A test would begin with mockserver.Start(t, …), which also ends the
// server; an example has no t, so it makes the Server itself.
func Example() {
	mock, err := mockserver.New(mockserver.System("wedia"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mock.Close()
	client := &http.Client{Transport: mock.Transport()} // no port is opened
	clock := mock.Default().Clock()
	clock.Freeze(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))

	// Log in: GET /__admin/systems lists the demo accounts.
	res, err := client.PostForm(mock.URL()+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {"demo-john"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var tokens struct{ AccessToken string }
	err = json.NewDecoder(res.Body).Decode(&tokens)
	_ = res.Body.Close()
	fmt.Println("sign in:", res.StatusCode, err)

	whoami := func() {
		req, err := http.NewRequest(http.MethodGet, mock.URL()+"/api/rest/whoami", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		res, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		fmt.Println("who am I:", res.StatusCode, res.Header.Get("Mockauth-Outcome"))
	}
	whoami()
	clock.Advance(20 * time.Minute) // nothing waits
	whoami()

	// The journal says what was sent, what was decided, and why.
	for _, x := range mock.Default().Journal() {
		fmt.Println(x.Number, x.Operation, x.Response.Status, x.Outcome)
		if why, _, ok := strings.Cut(x.Why, ". "); ok { // what follows is how to get a new one
			fmt.Println("  " + why)
		}
	}

	// Output:
	// sign in: 201 <nil>
	// who am I: 200 whoami whoamiUser
	// who am I: 401 whoami token.expired.access
	// 1 signin 201 bearerMode
	// 2 whoami 200 whoamiUser
	// 3 whoami 401 token.expired.access
	//   The token "access" expired at this very instant, issued by #1
}

// The seventh system: a directory with an openapi.yaml, and a world.yaml if the
// accounts stand in a file of their own.
func ExampleFile() {
	mock, err := mockserver.New(mockserver.File("testdata/seventh"))
	if err != nil {
		fmt.Println(err) // every finding, with its line and what would work
		return
	}
	defer mock.Close()
	fmt.Println(mock.Systems())
	// Output: [seventh]
}

// Tests that run in parallel share a mock and have a world each.
func ExampleServer_NewWorld() {
	mock, err := mockserver.New(mockserver.System("saymon"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mock.Close()
	for _, name := range []string{"monday", "tuesday"} {
		world, err := mock.NewWorld(name, false)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(world.URL()) // an unmodified client is given this base URL
	}
	// Output:
	// http://mock.test/w/monday
	// http://mock.test/w/tuesday
}

// Start gives a test a mock on a port of its own, which ends with the test.
func TestStartServesUntilTheTestEnds(t *testing.T) {
	t.Parallel()
	var kept *mockserver.Mock
	t.Run("a test", func(t *testing.T) {
		mock := mockserver.Start(t, mockserver.System("wedia"))
		kept = mock
		client := mock.Client() // keeps cookies, follows no redirect
		res, err := client.PostForm(mock.URL()+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {"demo-john"}, "cookieauth": {"true"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		for _, want := range []int{200, 401} {
			res, err = client.Get(mock.URL() + "/api/rest/whoami") // the cookies speak
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("status %d, want %d\n%+v", res.StatusCode, want, mock.Journal())
			}
			mock.Clock().Advance(20 * time.Minute)
		}
		if n := len(mock.Journal()); n != 3 {
			t.Errorf("%d exchanges in the journal, want 3", n)
		}
	})
	if res, err := http.Get(kept.URL()); err == nil {
		_ = res.Body.Close()
		t.Error("the mock is served when its test is over")
	}
}

// StartWithoutPort opens no socket: the client reaches the mock in the process,
// whatever the host is called.
func TestStartWithoutPortAnswersInTheProcess(t *testing.T) {
	t.Parallel()
	mock := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	world := mock.World(t) // one a test, where tests run in parallel
	for _, base := range []string{world.URL(), "https://media.example/w/" + world.Name()} {
		res, err := mock.Client().Get(base + "/api/rest/config")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", base, res.StatusCode)
		}
	}
	if len(world.Journal()) != 2 || len(mock.Journal()) != 0 {
		t.Errorf("%d exchanges in the world and %d beside it, want 2 and 0", len(world.Journal()), len(mock.Journal()))
	}
}

// failing is a test that remembers why it failed, for what must not start.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
}

func (f *failing) Cleanup(func()) {}

func TestStartFailsTheTestAndSaysWhy(t *testing.T) {
	t.Parallel()
	for _, o := range []mockserver.Option{
		mockserver.System("nobody"), mockserver.File("testdata/no-such-folder"), mockserver.Profile("nobody", "x"),
		mockserver.Setting("wedia", "nobody", 1), mockserver.BodyLimit(-1), mockserver.JournalSize(-1), mockserver.Accounts("testdata/no-such-file"),
	} {
		for name, start := range map[string]func(mockserver.TB, ...mockserver.Option) *mockserver.Mock{"Start": mockserver.Start, "StartWithoutPort": mockserver.StartWithoutPort} {
			f := &failing{}
			start(f, o)
			if len(f.message) < 20 {
				t.Errorf("%s: a wrong option fails with %q", name, f.message)
			}
		}
	}
}
