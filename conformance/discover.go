package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"
)

// discoverTimeout bounds the first question. A mock of ours answers in
// milliseconds, and any other server shall not cost much.
const discoverTimeout = 3 * time.Second

// Discover asks whether the target is a mock of ours. If so it returns the
// target with what the mock's control API knows: records, profile and settings,
// and what it can do; what t says itself stays. If not, or if nothing answers, it
// returns false: that a server cannot be reached is for Doctor to say. An error
// is a mock of ours that cannot be used as it is: it serves another system, or
// wants a token.
//
// The one question to a server that is not ours is GET …/__admin/health.
func Discover(ctx context.Context, t *Target, system string) (*Target, bool, error) {
	out := *t
	if out.Control == "" {
		u := *t.URL
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+ControlPath, ""
		u.RawQuery, u.Fragment = "", ""
		out.Control = u.String()
	}
	client, err := NewClient(&out, nil)
	if err != nil {
		return t, false, err
	}
	defer client.Close()
	c, err := NewControl(client, system)
	if err != nil {
		return t, false, err
	}
	if ok, err := ours(ctx, c); !ok || err != nil {
		return t, false, err
	}
	fresh, forget := c, func() {}
	out.Capabilities.Worlds = true
	w, err := c.NewWorld(ctx, "")
	var refused *ControlError
	switch {
	case err == nil:
		// A new world has what the worlds of cases will have; the default one may
		// have been used.
		fresh, forget = w.Control, func() {
			if err := c.DeleteWorld(context.WithoutCancel(ctx), w.Name); err != nil {
				out.Capabilities.Worlds = false
			}
		}
	case errors.As(err, &refused) && refused.Status == http.StatusConflict: // there are too many
		out.Capabilities.Worlds = false
	default:
		return t, false, wantsToken(t, err)
	}
	err = out.learn(ctx, fresh, system)
	forget()
	if err != nil {
		return t, false, err
	}
	return &out, true, nil
}

// learn takes over what a world of a mock says, where the target itself says
// nothing.
func (t *Target) learn(ctx context.Context, c *Control, system string) error {
	records, served, err := c.records(ctx)
	if err != nil {
		return err
	}
	if records == nil {
		return fmt.Errorf("the mock at %s does not serve %s; it serves %s. Start it with that contract: mockauth serve %s", t.URL, system, strings.Join(served, ", "), system)
	}
	profile, settings, err := c.settings(ctx)
	if err != nil {
		return err
	}
	if t.Capabilities.Worlds {
		t.fresh = &fresh{profile, maps.Clone(settings)}
	}
	if len(t.Records) == 0 {
		t.Records, t.Complete = records, true
	}
	if t.Profile == "" {
		t.Profile = profile
		maps.Copy(settings, t.Settings)
		t.Settings = settings
	}
	t.Capabilities.Clock, t.Capabilities.SetSettings = ClockControl, true
	t.Capabilities.Writes, t.Capabilities.Exclusive = true, true
	return nil
}

func wantsToken(t *Target, err error) error {
	var refused *ControlError
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		return err
	}
	if t.ControlToken != "" {
		return fmt.Errorf("the mock at %s does not take this control token; it printed its own when it started", t.URL)
	}
	return fmt.Errorf("the mock at %s wants the token of its control API, which it printed when it started", t.URL)
}

// ours asks GET health, and believes nothing but the whole answer of a mock: any
// other server may answer something at that path.
func ours(ctx context.Context, c *Control) (bool, error) {
	short, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(short, http.MethodGet, c.base.String()+"/health", nil)
	if err != nil {
		return false, err
	}
	reply, err := c.client.exchange(short, r, instructions{})
	if err != nil {
		return false, ctx.Err()
	}
	typ, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if err != nil {
		return false, nil // another server
	}
	if said := detail(reply); reply.Status == http.StatusForbidden && typ == "application/problem+json" && strings.HasPrefix(said, "The control API ") {
		return false, fmt.Errorf("a mock of ours answers at %s, and refuses its control API: %s", c.client.target.URL, said)
	}
	var h struct {
		Status  string    `json:"status"`
		World   string    `json:"world"`
		Time    time.Time `json:"time"`
		Systems []string  `json:"systems"`
		Worlds  int       `json:"worlds"`
	}
	if reply.Status != http.StatusOK || typ != "application/json" || json.Unmarshal(reply.Body, &h) != nil {
		return false, nil
	}
	return h.Status == "ok" && h.World != "" && !h.Time.IsZero() && len(h.Systems) > 0 && h.Worlds > 0, nil
}
