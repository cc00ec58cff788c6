"""The app: one timer, one feed, the current screen.

The first frame is drawn before the signal core is loaded: this module and the screens import neither numpy nor the
sessions; a thread does, while the first frame is on its way to the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from unslouch.errors import StoreError, UnslouchError
from unslouch.live.feed import Ask, Command, Feed, FeedKind, Seek, SetPaused, SetSpeed, Step
from unslouch.tui.actions import BY_NAME, Action, Where, offered
from unslouch.tui.ending import end_when_told
from unslouch.tui.options import Options
from unslouch.tui.screens.base import LiveScreen
from unslouch.tui.screens.desk import DeskScreen
from unslouch.tui.theme import THEMES
from unslouch.tui.words import ABOUT

if TYPE_CHECKING:
    from unslouch.tui.conductor import Conductor

FeedFactory = Callable[[], Feed]

LOADING_S = 20.0
"""How long a feed may take to be made: a recording that a killed program left is gone through."""
SEEN_S, READ_S = 3.0, 0.08
"""How long a notice stands: until it is seen, and for each letter of it."""
INTERRUPTED = 130
"""Exit code of who was stopped by Ctrl-C: 128 + SIGINT."""


class UnslouchApp(App[None]):
    """The screens on one feed.

    Parameters
    ----------
    feed_factory
        Makes the feed; called in a thread, after the first frame.
    start
        The first screen.
    options
        See :class:`~unslouch.tui.options.Options`.
    """

    TITLE = "unslouch"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    Screen { background: $background; }
    ToastRack { dock: top; margin: 1 0 0 0; }
    Toast { width: 100%; max-width: 100%; margin: 0; padding: 0 1; }
    .-plain DeskScreen.-alert #left { border: ascii $warning; }
    .-plain SearchIcon { display: none; }
    .-plain CommandPalette #--input { border: none; }
    .-plain CommandPalette CommandList { border: none; scrollbar-size-vertical: 0; }
    .-plain Toast { border: none; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+x", "run('sharp_pain')", "Sharp pain", show=False, priority=True),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True),
    ]

    def __init__(self, feed_factory: FeedFactory, start: Where = Where.DESK, options: Options | None = None) -> None:
        super().__init__()
        self.options = options or Options()
        self.start_screen = start
        self.conductor: Conductor | None = None
        self.bell_on = self.options.bell is not False
        self._feed_factory = feed_factory
        self._loading: Thread | None = None
        self._lock = Lock()
        self._left = False
        self._made_feed: Feed | None = None
        self._made: set[Where] = set()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES[self.options.theme or "dark"].name
        self.set_class(self.options.plain or not speaks_unicode(), "-plain")

    # from the first frame to the first sample

    def on_mount(self) -> None:
        """Show the first screen, then load the rest."""
        end_when_told(self)
        self.go(self.start_screen)
        self.call_after_refresh(self._load)

    def _load(self) -> None:
        self._loading = Thread(target=self._make, name="unslouch-load", daemon=True)
        self._loading.start()

    def _make(self) -> None:
        """Import the sessions and the signal core and make the feed, in a thread: the first frame does not wait."""
        try:
            import_module("unslouch.tui.conductor")
            feed = self._feed_factory()
        except UnslouchError as error:
            self._unless_left(self.exit, None, 1, str(error))
            return
        except BaseException as error:  # noqa: BLE001  # raised again in the app, which would wait for ever otherwise
            self._unless_left(self._fail, error)
            return
        with self._lock:
            self._made_feed = feed
            left = self._left
        if left:
            feed.close()
        else:
            self._unless_left(self.begin, feed)

    def _unless_left(self, what: Callable[..., object], *arguments: object) -> None:
        """Have something done by the app, from the loading thread; who has left already waits for nothing."""
        if not self._left:
            self.call_later(what, *arguments)

    def _fail(self, error: BaseException) -> None:
        raise error

    def begin(self, feed: Feed) -> None:
        """Go on with this feed."""
        if self._left:
            return  # it is closed already
        from unslouch.desk.preferences import preferences
        from unslouch.store.store import Store
        from unslouch.tui.conductor import Conductor

        store, chosen = None, None
        if self.options.keep:
            try:
                store = Store.for_sessions(self.options.data_dir)
                if feed.kind is FeedKind.LIVE:
                    chosen = preferences(store)
            except UnslouchError as error:
                # Minding one's back works without keeping count of it.
                store = None if isinstance(error, StoreError) else store
                left_out = "This session is not kept." if store is None else "The usual thresholds are taken."
                self.notify(f"{error} {left_out}", severity="warning", timeout=10)
        self.conductor = Conductor(
            feed, store, person=self.options.person, preferences=chosen, clock=self.options.clock
        )
        self._as_last_time()
        if feed.kind is FeedKind.SIMULATED and Ask in self.conductor.accepts and self.start_screen is Where.DESK:
            self.notify(
                "A simulated person wears the strap. c coaches them, ctrl+p moves them.",
                timeout=12,
            )
        self.tick()
        if self.options.fps is not None:
            self.set_interval(1 / self.options.fps, self.tick)

    def _as_last_time(self) -> None:
        """Take theme and bell as they were chosen last, where the options leave them open."""
        if self.conductor is None:
            return
        theme, bell = self.conductor.setting("theme"), self.conductor.setting("bell")
        if self.options.theme is None and isinstance(theme, str) and theme in THEMES:
            self.theme = THEMES[theme].name
        if self.options.bell is None and isinstance(bell, bool):
            self.bell_on = bell

    def tick(self) -> None:
        """Take what has come and show it."""
        if self.conductor is None:
            return
        try:
            now = self.conductor.poll()
        except StoreError as error:
            self._go_on_unkept(error)
            return
        except UnslouchError as error:
            self.exit(None, 1, str(error))
            return
        if self.conductor.stopped():
            self._show_stop()
        for said in self.conductor.said():
            if said.cue and self.bell_on:
                self.bell()
            if not (said.of_coach or (said.cue and isinstance(self.screen, DeskScreen))):
                stands = 8.0 if said.cue else SEEN_S + READ_S * len(said.text)
                self.notify(said.text, severity="warning" if said.cue else "information", timeout=stands)
        screen = self.screen
        if isinstance(screen, LiveScreen):
            screen.follow(now)

    def _go_on_unkept(self, error: StoreError) -> None:
        """A full disk is no reason to leave somebody alone in the middle of a stretch."""
        if self.conductor is not None:
            self.conductor.forgo_store()
        self.notify(f"{error} From here on nothing is kept.", severity="error", timeout=15)

    async def action_quit(self) -> None:
        """Leave, with everything closed."""
        self.exit()

    def action_interrupt(self) -> None:
        """Leave as Ctrl-C leaves any program, with everything closed."""
        self.exit(return_code=INTERRUPTED)

    def on_unmount(self) -> None:
        """Close the sessions and the feed."""
        with self._lock:
            self._left = True
            feed = self._made_feed
        if self.conductor is not None:
            self.conductor.close()
        elif feed is not None:
            feed.close()

    def wait_for_loading(self) -> None:
        """Wait until a feed that was still being made when the screen was left is closed; called after the run."""
        if self._loading is not None:
            self._loading.join(LOADING_S)

    # what can be done

    @property
    def live_screen(self) -> LiveScreen | None:
        """The main screen that is on, also under a notice."""
        return next((s for s in reversed(self.screen_stack) if isinstance(s, LiveScreen)), None)

    def available(self, action: Action) -> bool:
        """Whether an action does something now."""
        if action.needs is not None and (self.conductor is None or action.needs not in self.conductor.accepts):
            return False
        screen = self.live_screen
        if screen is not None and action.name == screen.where.value:
            return False
        return screen is None or screen.offers(action)

    def action_run(self, name: str) -> None:
        """Carry out an action of the table."""
        action = BY_NAME[name]
        if not self.available(action):
            return
        for owner in (self.screen, self):
            method = getattr(owner, f"do_{name}", None)
            if method is not None:
                try:
                    method()
                except StoreError as error:
                    self._go_on_unkept(error)
                break
        screen = self.screen
        if isinstance(screen, LiveScreen):
            screen.present(self.conductor.now if self.conductor else None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Fill the command palette from the table of actions and the simulated wearer's moves."""
        live = self.live_screen
        if live is None:
            return
        for action in offered(live.where, self.available):
            if action.name != "palette":
                title = action.label or action.name.capitalize()
                yield SystemCommand(title, f"{action.help} ({action.shown})", partial(self.action_run, action.name))
        if self.conductor is not None and Ask in self.conductor.accepts:
            for move in self.conductor.feed.moves:
                yield SystemCommand(f"Wearer: {move}", "Ask the simulated wearer.", partial(self.send, Ask(move)))

    def send(self, command: Command) -> None:
        """Pass a command to the feed."""
        if self.conductor is not None:
            self.conductor.send(command)

    # where to be

    def go(self, where: Where) -> None:
        """Show a main screen; notices of what was before would cover it."""
        self.clear_notifications()
        if self.conductor is not None and where is not Where.COACH:
            self.conductor.leave_coach()
        name = where.value
        if where not in self._made:
            self.install_screen(_screen(where), name)  # pyright: ignore[reportUnknownMemberType]
            self._made.add(where)
        if self.live_screen is None:
            self.push_screen(name)
        else:
            self.switch_screen(name)  # pyright: ignore[reportUnknownMemberType]

    def do_desk(self) -> None:
        """Posture at the desk."""
        self.go(Where.DESK)

    def do_coach(self) -> None:
        """The techniques."""
        self.go(Where.COACH)

    def do_progress(self) -> None:
        """What was reached."""
        self.go(Where.PROGRESS)

    def do_calibrate(self) -> None:
        """The guided calibration."""
        self.go(Where.CALIBRATE)

    def do_sharp_pain(self) -> None:
        """Stop everything, record it, and say what to do; from any screen, also from a notice over it."""
        from unslouch.tui.screens.stop import StopScreen

        if isinstance(self.screen, StopScreen):
            return
        if self.conductor is not None:
            self.conductor.sharp_pain()
        self._show_stop()

    def _show_stop(self) -> None:
        """Show that everything has stopped, above whatever was there."""
        from unslouch.coach.safety import SHARP_PAIN_ADVICE
        from unslouch.tui.screens.stop import StopScreen

        if isinstance(self.screen, StopScreen):
            return
        while not isinstance(self.screen, LiveScreen) and len(self.screen_stack) > 1:
            self.pop_screen()
        self.push_screen(StopScreen(SHARP_PAIN_ADVICE, self.has_class("-plain")))

    def do_understood(self) -> None:
        """Close the notice."""
        self.pop_screen()

    def do_help(self) -> None:
        """Say what can be done here."""
        from unslouch.tui.screens.help import HelpScreen

        live = self.live_screen
        if live is None:
            return
        self.clear_notifications()
        focused = self.focused
        about = None if focused is None else getattr(focused, "about", None)
        actions = list(offered(live.where, self.available))
        self.push_screen(HelpScreen(live.title_word, ABOUT[live.where], about, actions, self.has_class("-plain")))

    def do_close(self) -> None:
        """Close the help."""
        self.pop_screen()

    def do_palette(self) -> None:
        """Find an action by name."""
        self.action_command_palette()

    def do_quit(self) -> None:
        """Leave."""
        self.exit()

    def do_theme(self) -> None:
        """Next theme."""
        names = list(THEMES)
        at = [theme.name for theme in THEMES.values()].index(self.theme)
        chosen = names[(at + 1) % len(names)]
        self.theme = THEMES[chosen].name
        if self.conductor is not None:
            self.conductor.keep_setting("theme", chosen)

    def do_bell(self) -> None:
        """Ring at alerts, or not."""
        self.bell_on = not self.bell_on
        if self.conductor is not None:
            self.conductor.keep_setting("bell", self.bell_on)
        self.notify("The bell rings at alerts." if self.bell_on else "The bell is silent.", timeout=2)

    # replay

    def do_hold_on(self) -> None:
        """Hold the replay or, without one, the desk session; go on again."""
        if self.conductor is None:
            return
        transport = self.conductor.now.transport
        if transport is not None and self.conductor.send(SetPaused(not transport.paused)):
            return
        self.conductor.toggle_pause()

    def do_step(self) -> None:
        """A little forward, and hold."""
        self.send(Step(0.1))

    def do_step_back(self) -> None:
        """A little back, and hold."""
        self.send(Step(-0.1))

    def do_forward(self) -> None:
        """Ten seconds on."""
        self._wind(10.0)

    def do_backward(self) -> None:
        """Ten seconds back."""
        self._wind(-10.0)

    def do_rewind(self) -> None:
        """To the start."""
        self.send(Seek(0.0))

    def do_faster(self) -> None:
        """Twice as fast."""
        self._speed(2.0)

    def do_slower(self) -> None:
        """Half as fast."""
        self._speed(0.5)

    def _wind(self, seconds: float) -> None:
        if self.conductor is not None and self.conductor.now.transport is not None:
            self.send(Seek(max(self.conductor.now.transport.position + seconds, 0.0)))

    def _speed(self, factor: float) -> None:
        if self.conductor is not None:
            transport = self.conductor.now.transport
            self.send(SetSpeed((transport.speed if transport else 1.0) * factor))


def speaks_unicode() -> bool:
    """Whether the terminal's encoding has more than ASCII letters."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").startswith("utf")


def _screen(where: Where) -> LiveScreen:
    """Make a main screen; each is imported when it is first shown."""
    match where:
        case Where.COACH:
            from unslouch.tui.screens.coach import CoachScreen

            return CoachScreen()
        case Where.PROGRESS:
            from unslouch.tui.screens.progress import ProgressScreen

            return ProgressScreen()
        case Where.CALIBRATE:
            from unslouch.tui.screens.calibrate import CalibrateScreen

            return CalibrateScreen()
        case _:
            return DeskScreen()


def run(feed_factory: FeedFactory, start_screen: Where = Where.DESK, options: Options | None = None) -> int:
    """Run the app until it is left.

    Returns
    -------
    int
        0, or 1 when the feed or the store failed; the sentence has then been printed to standard error.
    """
    app = UnslouchApp(feed_factory, start_screen, options)
    app.run()
    return app.return_code or 0
