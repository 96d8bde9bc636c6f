package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
)

// ControlPath is where a mock of ours serves its control API, below its URL.
const ControlPath = "/__admin"

// Control is the control API of one world of a mock of ours. What it sends is
// not counted, and not held to the rate.
type Control struct {
	client *Client
	base   *url.URL // …/__admin
	system string
}

// World is an isolated universe of a mock: accounts, sessions, clock and
// settings of its own.
type World struct {
	Name string
	// URL takes the place of Target.URL.
	URL *url.URL
	// Control is that of this world: its clock, its settings.
	Control *Control
}

// ControlError is a refusal of the control API.
type ControlError struct {
	Status int
	Detail string // what it said
}

func (e *ControlError) Error() string {
	return fmt.Sprintf("the mock's control API answers %d: %s", e.Status, e.Detail)
}

// NewControl returns the control API of the client's target, Target.Control, for
// one system.
func NewControl(c *Client, system string) (*Control, error) {
	u, err := url.Parse(c.target.Control)
	if err != nil || u.Host == "" {
		return nil, errors.New("the target has no control API; a mock of ours has one at " + ControlPath)
	}
	return &Control{client: c, base: u, system: system}, nil
}

// NewWorld makes a world; name may be "" for any.
func (c *Control) NewWorld(ctx context.Context, name string) (*World, error) {
	var out struct {
		Name    string `json:"name"`
		BaseURL string `json:"baseUrl"`
	}
	if err := c.call(ctx, http.MethodPost, "/worlds", map[string]any{"name": name}, &out); err != nil {
		return nil, err
	}
	u, err := url.Parse(out.BaseURL)
	if err != nil || out.Name == "" || u.Host == "" {
		return nil, fmt.Errorf("the mock made a world %q without a URL (%q)", out.Name, out.BaseURL)
	}
	// The mock says where it believes to be. A gateway before it keeps what is
	// before the world's own path, and host and port.
	if place(u) != place(c.client.target.URL) && c.apart() == nil {
		u.Scheme, u.Host = c.client.target.URL.Scheme, c.client.target.URL.Host
	}
	at := *c.base
	at.Path, at.RawPath = u.Path+ControlPath, ""
	return &World{Name: out.Name, URL: u, Control: &Control{client: c.client, base: &at, system: c.system}}, nil
}

// Header fields by which a request asks a mock of ours to let time go by before it,
// and to keep the world after it, see mockserver.AdvanceField.
const (
	advanceField = "Mockauth-Advance"
	keepField    = "Mockauth-Keep"
)

// instructions are what a request asks a mock for beside its answer.
type instructions struct {
	advance time.Duration // 0: nothing
	keep    string        // "": nothing
}

// write adds them to a header that is sent.
func (i instructions) write(h http.Header) {
	if i.advance != 0 {
		h[advanceField] = []string{i.advance.String()}
	}
	if i.keep != "" {
		h[keepField] = []string{i.keep}
	}
}

// obeys reports whether the mock does what a request asks it for: not one whose
// control API is guarded.
func (c *Control) obeys() bool { return c.client.target.ControlToken == "" && c.apart() == nil }

// apart is the control API's own URL if it is on a port of its own, else nil.
func (c *Control) apart() *url.URL {
	if place(c.base) != place(c.client.target.URL) {
		return c.base
	}
	return nil
}

// DeleteWorld ends a world.
func (c *Control) DeleteWorld(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/worlds/"+url.PathEscape(name), nil, nil)
}

// Now is the time of the world, and whether its clock stands.
func (c *Control) Now(ctx context.Context) (now time.Time, frozen bool, err error) {
	return c.clock(ctx, http.MethodGet, nil)
}

// Freeze stops the clock of the world at a time.
func (c *Control) Freeze(ctx context.Context, at time.Time) error {
	_, _, err := c.clock(ctx, http.MethodPost, map[string]any{"freeze": at.UTC().Format(time.RFC3339Nano)})
	return err
}

// Advance lets time go by, and returns what the clock then says. Everything that
// was due in it has happened.
func (c *Control) Advance(ctx context.Context, by time.Duration) (time.Time, error) {
	now, _, err := c.clock(ctx, http.MethodPost, map[string]any{"advance": by.String()})
	return now, err
}

func (c *Control) clock(ctx context.Context, method string, set any) (time.Time, bool, error) {
	var out struct {
		Now    time.Time `json:"now"`
		Frozen bool      `json:"frozen"`
	}
	err := c.call(ctx, method, "/clock", set, &out)
	return out.Now, out.Frozen, err
}

// Reset begins the world again: its clock stands at an instant, and profile ("":
// as at the start) and settings are in force. Durations are written as contracts
// write them. It is one call, so that a world for each case costs no more.
func (c *Control) Reset(ctx context.Context, at time.Time, profile string, settings map[string]any) error {
	in := map[string]any{"clock": map[string]any{"freeze": at.UTC().Format(time.RFC3339Nano)}}
	if set := changes(profile, settings); len(set) > 0 {
		in["settings"] = map[string]any{c.system: set}
	}
	return c.call(ctx, http.MethodPost, "/reset", in, nil)
}

// Set changes settings of the system in this world; a profile that is not "" is
// taken first. Durations are written as contracts write them.
func (c *Control) Set(ctx context.Context, profile string, settings map[string]any) error {
	in := changes(profile, settings)
	if len(in) == 0 {
		return nil
	}
	return c.call(ctx, http.MethodPut, "/settings/"+url.PathEscape(c.system), in, nil)
}

// changes is a profile and settings as the control API takes them.
func changes(profile string, settings map[string]any) map[string]any {
	values := make(map[string]any, len(settings))
	for k, v := range settings {
		if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		values[k] = v
	}
	in := map[string]any{}
	if profile != "" {
		in["profile"] = profile
	}
	if len(values) > 0 {
		in["values"] = values
	}
	return in
}

// settings reads profile and settings of the system in this world.
func (c *Control) settings(ctx context.Context) (profile string, settings map[string]any, err error) {
	var out struct {
		Profile string         `json:"profile"`
		Values  map[string]any `json:"values"`
	}
	err = c.call(ctx, http.MethodGet, "/settings/"+url.PathEscape(c.system), nil, &out)
	return out.Profile, out.Values, err
}

// records reads the records of the system in this world, by kind, in order. The
// mock may serve other systems, whose names are returned if it does not serve
// this one.
func (c *Control) records(ctx context.Context) (records map[string][]map[string]any, served []string, err error) {
	var out []struct {
		Name     string `json:"name"`
		Accounts []struct {
			Kind  string `json:"kind"`
			Value any    `json:"value"`
		} `json:"accounts"`
	}
	if err := c.call(ctx, http.MethodGet, "/systems", nil, &out); err != nil {
		return nil, nil, err
	}
	for _, s := range out {
		served = append(served, s.Name)
		if s.Name != c.system {
			continue
		}
		records = map[string][]map[string]any{}
		for _, a := range s.Accounts {
			fields, ok := value.Plain(a.Value).(map[string]any)
			if !ok {
				return nil, nil, fmt.Errorf("the mock has a %s that is no map", a.Kind)
			}
			records[a.Kind] = append(records[a.Kind], fields)
		}
	}
	return records, served, nil
}

// call sends one call of the control API and reads its answer into out.
func (c *Control) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if t := c.client.target.ControlToken; t != "" {
		r.Header.Set("Authorization", "Bearer "+t)
	}
	if err := c.client.allowed.refuse(r); err != nil {
		return err
	}
	reply, err := c.client.exchange(ctx, r, instructions{})
	if err != nil {
		return err
	}
	if reply.Status < 200 || reply.Status > 299 {
		return &ControlError{Status: reply.Status, Detail: c.client.masker.Text(detail(reply))}
	}
	if out == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(reply.Body))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("the mock's control API answers %s %s with what is not its own: %w", method, path, err)
	}
	return nil
}

// detail is what a problem document (RFC 9457) says, or the beginning of what
// came instead.
func detail(r *Reply) string {
	var p struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(r.Body, &p) == nil && p.Detail != "" {
		return p.Detail
	}
	return beginning(r.Body)
}

// beginning is the start of a body in one line.
func beginning(b []byte) string {
	const most = 80
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(b[:min(len(b), 4*most)]), "?")), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
