// The reader's settings: language, colours, zone. Stored by the browser; a link may set the language and the zone for whoever opens it.
import type { Zone } from './format';
import { isLanguage, languageOf, type Language } from '../i18n/language';

export type Theme = 'auto' | 'light' | 'dark';

/** The browser may forbid storage; then a setting lasts as long as the page. */
function kept(name: string): string | null {
  try {
    return localStorage.getItem(`automap.${name}`);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`automap.${name}`, value);
  } catch {
    // See `kept`.
  }
}

function firstLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang') ?? kept('lang');
  return isLanguage(asked) ? asked : languageOf(navigator.languages);
}

function firstTheme(): Theme {
  const before = kept('theme');
  return before === 'light' || before === 'dark' ? before : 'auto';
}

class Settings {
  language = $state<Language>(firstLanguage());
  theme = $state<Theme>(firstTheme());
  zone = $state<Zone>((new URLSearchParams(location.search).get('zone') ?? kept('zone')) === 'utc' ? 'utc' : 'local');

  constructor() {
    this.show();
  }

  setLanguage(language: Language): void {
    this.language = language;
    keep('lang', language);
    this.show();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    keep('theme', theme);
    this.show();
  }

  setZone(zone: Zone): void {
    this.zone = zone;
    keep('zone', zone);
  }

  private show(): void {
    const root = document.documentElement;
    root.lang = this.language === 'zh' ? 'zh-CN' : 'en';
    if (this.theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = this.theme;
  }
}

export const settings = new Settings();
