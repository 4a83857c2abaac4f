import { describe, expect, it } from 'vitest';
import { fillTemplate, TEMPLATE_NAMES, templateFault } from './template.ts';

describe('templates', () => {
  it('take every name that there is, sections and comments', () => {
    for (const name of TEMPLATE_NAMES) expect(templateFault(`{{${name}}} {{{${name}}}} {{&${name}}}`)).toBeUndefined();
    expect(
      templateFault('{{! why }}{{#incident.zone}}in {{incident.zone}}{{/incident.zone}}{{^link}}-{{/link}}'),
    ).toBeUndefined();
  });

  it.each([
    '{{constructor}}',
    '{{incident.__proto__}}',
    '{{#link}}{{toString}}{{/link}}',
    '{{> x}}',
    '{{=<% %>=}}',
    '{{#link}}',
    '{{a',
  ])('refuse %s', (template) => expect(templateFault(template)).toBeDefined());

  it('are filled in as text', () => {
    expect(fillTemplate('{{text}}|{{{text}}}', { text: '<a> & "b"' })).toBe('<a> & "b"|<a> & "b"');
  });
});
