package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/belay-ha/belay/resources"
)

// Options are the terminal and what the screen shows.
type Options struct {
	In     io.Reader
	Out    io.Writer
	Every  time.Duration // between two looks
	Colour bool
	// Look looks at the cluster, with the events after an index; Explain answers a
	// question about a resource. Both return soon after ctx ends.
	Look    func(ctx context.Context, after uint64) Look
	Explain func(ctx context.Context, id resources.ResourceID) Explained
}

// Run shows the screen until somebody ends it, or ctx ends. It takes the terminal
// over and gives it back.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	program := tea.NewProgram(&screen{ctx: ctx, options: o}, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out))
	_, err := program.Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}

// screen carries the model's wishes out: bubbletea calls it on one goroutine.
type screen struct {
	ctx     context.Context // of Run; bubbletea hands none on
	options Options
	model   Model
	// looking: one look is under way. looks counts them: a tick that was made after
	// an earlier one is out of date.
	looking bool
	looks   int
}

// tick says that it is time for another look after so many.
type tick int

func (s *screen) Init() tea.Cmd { return s.look() }

// Update takes what bubbletea tells.
func (s *screen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch is := message.(type) {
	case tea.WindowSizeMsg:
		s.model = s.model.Resize(is.Width, is.Height)
	case tea.KeyPressMsg:
		var ask Ask
		s.model, ask = s.model.Key(is.String())
		return s, s.carryOut(ask)
	case Look:
		s.looking = false
		s.looks++
		s.model = s.model.Take(is)
		after := tick(s.looks)
		return s, tea.Tick(s.options.Every, func(time.Time) tea.Msg { return after })
	case tick:
		if int(is) == s.looks {
			return s, s.look()
		}
	case Explained:
		s.model = s.model.Explain(is)
	}
	return s, nil
}

func (s *screen) carryOut(ask Ask) tea.Cmd {
	switch {
	case s.model.Done():
		return tea.Quit
	case ask.Explain != "":
		return func() tea.Msg { return s.options.Explain(s.ctx, ask.Explain) }
	case ask.Look:
		return s.look()
	}
	return nil
}

func (s *screen) look() tea.Cmd {
	if s.looking {
		return nil
	}
	s.looking = true
	after := s.model.After()
	return func() tea.Msg { return s.options.Look(s.ctx, after) }
}

// View draws the model over the whole terminal.
func (s *screen) View() tea.View {
	view := tea.NewView(s.model.View(s.options.Colour))
	view.AltScreen = true
	return view
}
