import { html, type Html, type Page } from '../http/html.js';

const problem = (text: string | undefined): Html =>
  text === undefined ? html`` : html`<p class="error" role="alert">${text}</p>`;

/** Name and password. `action` is an address of ours. */
export function signInPage(facts: {
  readonly action: string;
  readonly returnTo: string | undefined;
  readonly username?: string;
  readonly error?: string;
  readonly status?: number;
}): Page {
  const { action, returnTo, username, error, status = 200 } = facts;
  return {
    title: 'Sign in',
    status,
    body: html`${problem(error)}
      <form method="post" action="${action}">
        <label
          >Name or e-mail address<input
            name="username"
            value="${username}"
            autocomplete="username"
            required
            autofocus
        /></label>
        <label
          >Password<input name="password" type="password" autocomplete="current-password" required
        /></label>
        ${returnTo === undefined ? html`` : html`<input type="hidden" name="return_to" value="${returnTo}" />`}
        <button>Sign in</button>
      </form>`,
  };
}

export interface ShownKey {
  readonly alias: string | null;
  readonly maskedName: string;
  readonly status: string;
  readonly spend: string;
  readonly budget: string | null;
}

/** Who somebody is and what belongs to it. */
export function signedInPage(facts: {
  readonly user: string;
  readonly email: string | undefined;
  readonly role: string;
  readonly signedInBy: string;
  readonly spend: string;
  readonly keys: readonly ShownKey[];
  readonly moreKeys: number;
  readonly logout: string;
  readonly csrfToken: string;
}): Page {
  const { user, email, role, signedInBy, spend, keys, moreKeys, logout, csrfToken } = facts;
  const rows = keys.map(
    (key) =>
      html`<tr>
        <td>${key.alias ?? '—'}</td>
        <td><code>${key.maskedName}</code></td>
        <td>${key.status}</td>
        <td>$${key.spend}</td>
        <td>${key.budget === null ? '—' : html`$${key.budget}`}</td>
      </tr> `,
  );
  return {
    title: 'Signed in',
    body: html`<table>
        <tr>
          <th>User</th>
          <td>${user}</td>
        </tr>
        ${
          email === undefined
            ? html``
            : html`<tr>
                <th>E-mail</th>
                <td>${email}</td>
              </tr>`
        }
        <tr>
          <th>Role</th>
          <td>${role}</td>
        </tr>
        <tr>
          <th>Signed in by</th>
          <td>${signedInBy}</td>
        </tr>
        <tr>
          <th>Spend</th>
          <td>$${spend}</td>
        </tr>
      </table>
      <h2>Keys</h2>
      ${
        keys.length === 0
          ? html`<p>None.</p>`
          : html`<table>
              <tr>
                <th>Alias</th>
                <th>Key</th>
                <th>Status</th>
                <th>Spend</th>
                <th>Budget</th>
              </tr>
              ${rows}
            </table>`
      }
      ${moreKeys > 0 ? html`<p>And ${moreKeys} more.</p>` : html``}
      <form method="post" action="${logout}">
        <input type="hidden" name="csrf_token" value="${csrfToken}" /><button>Sign out</button>
      </form>`,
  };
}

/** The code of a command line, typed by a person. */
export function cliCodePage(facts: {
  readonly action: string;
  readonly csrfToken: string;
  readonly user: string;
  readonly code: string | undefined;
  readonly error?: string;
  readonly status?: number;
}): Page {
  const { action, csrfToken, user, code, error, status = 200 } = facts;
  return {
    title: 'Sign in a command line',
    status,
    body: html`${problem(error)}
      <p>
        A command line wants to act as <b>${user}</b>. Type the code it shows. If you did not start it
        yourself, close this page.
      </p>
      <form method="post" action="${action}">
        <label
          >Code<input
            class="code"
            name="user_code"
            value="${code}"
            autocomplete="off"
            spellcheck="false"
            maxlength="16"
            required
            autofocus
        /></label>
        <input type="hidden" name="browser_complete_token" value="${csrfToken}" />
        <button>Sign it in</button>
      </form>`,
  };
}

/** A first password, chosen by whoever holds an invitation. */
export function invitationPage(facts: {
  readonly action: string;
  readonly invitationId: string;
  readonly userId: string;
  readonly email: string | null;
  readonly claimToken: string;
  readonly error?: string;
  readonly status?: number;
}): Page {
  const { action, invitationId, userId, email, claimToken, error, status = 200 } = facts;
  return {
    title: 'Choose a password',
    status,
    body: html`${problem(error)}
      <p>For ${email ?? userId}.</p>
      <form method="post" action="${action}">
        <input type="hidden" name="username" value="${email ?? userId}" autocomplete="username" />
        <label
          >New password<input name="password" type="password" autocomplete="new-password" required autofocus
        /></label>
        <input type="hidden" name="invitation_link" value="${invitationId}" />
        <input type="hidden" name="user_id" value="${userId}" />
        <input type="hidden" name="token" value="${claimToken}" />
        <button>Set it and sign in</button>
      </form>`,
  };
}

/** A new password for somebody who knows the old one. */
export function passwordPage(facts: {
  readonly action: string;
  readonly csrfToken: string;
  readonly error?: string;
}): Page {
  const { action, csrfToken, error } = facts;
  return {
    title: 'Choose a new password',
    body: html`${problem(error)}
      <form method="post" action="${action}">
        <label
          >Current password<input
            name="current_password"
            type="password"
            autocomplete="current-password"
            required
            autofocus
        /></label>
        <label
          >New password<input name="new_password" type="password" autocomplete="new-password" required
        /></label>
        <input type="hidden" name="csrf_token" value="${csrfToken}" />
        <button>Change it</button>
      </form>`,
  };
}

export function signOutPage(logout: string, csrfToken: string): Page {
  return {
    title: 'Sign out',
    body: html`<form method="post" action="${logout}">
      <input type="hidden" name="csrf_token" value="${csrfToken}" /><button>Sign out</button>
    </form>`,
  };
}

/** A sentence, and where to go from there. */
export function notePage(facts: {
  readonly title: string;
  readonly text: string;
  readonly link?: { readonly to: string; readonly text: string };
  readonly status?: number;
}): Page {
  const { title, text, link, status = 200 } = facts;
  return {
    title,
    status,
    body: html`<p>${text}</p>
      ${link === undefined ? html`` : html`<p><a href="${link.to}">${link.text}</a></p>`}`,
  };
}
