"""Page shell, components, sign-in glue and error pages shared by the interfaces."""
